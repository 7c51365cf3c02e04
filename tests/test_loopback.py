"""What is this machine, and what only looks like it."""

import pytest

from pipeline.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine(host: str) -> None:
    """The one name, and every address of the loopback."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "10.0.0.1", "0.0.0.0", "localhost.firm.example", "127.0.0.1.evil.example", "::2"])
def test_another(host: str) -> None:
    """A name that a name server decides on is never this machine, whatever it begins with."""
    assert not is_loopback(host)
