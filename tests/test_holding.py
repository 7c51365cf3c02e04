"""Where refused files lie: beside a reason, over nothing, through no link, as private as the matter's folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pipeline.inbox.holding import Refusal, hold, write_reason


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox" / "acme").mkdir(parents=True)
    return tmp_path / "inbox"


def refuse(inbox: Path, tmp_path: Path, name: str = "a.pdf", reference: str = "r1", data: bytes = b"bytes") -> str:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(data)
    refusal = Refusal("acme", inbox / "acme" / name, "cut short", reference, "d1")
    return hold(refusal, tmp_path, Path("spooled"), inbox)


def lying(inbox: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (inbox / "_held" / "acme").iterdir()}


def test_two_files_of_one_name_lie_side_by_side(inbox: Path, tmp_path: Path) -> None:
    """Neither over the other, each with its own reason."""
    assert refuse(inbox, tmp_path) == "a.pdf"
    assert refuse(inbox, tmp_path, reference="r2", data=b"others") == "a (2).pdf"
    held = lying(inbox)
    assert (held["a.pdf"], held["a (2).pdf"]) == (b"bytes", b"others")
    assert set(held) == {"a.pdf", "a.pdf.reason.txt", "a (2).pdf", "a (2).pdf.reason.txt"}
    assert not (tmp_path / "spooled").exists()


def test_a_file_that_somebody_put_there_is_not_overwritten(inbox: Path, tmp_path: Path) -> None:
    """Also without a reason beside it."""
    (inbox / "_held" / "acme").mkdir(parents=True)
    (inbox / "_held" / "acme" / "a.pdf").write_bytes(b"a person's")
    assert refuse(inbox, tmp_path) == "a (2).pdf"
    assert lying(inbox)["a.pdf"] == b"a person's"


@pytest.mark.parametrize("moved", [False, True])
def test_a_move_cut_short_is_gone_on_with(inbox: Path, tmp_path: Path, moved: bool) -> None:
    """The reason was written, perhaps the file is there too: done again it lies there once."""
    refuse(inbox, tmp_path)
    if not moved:
        (inbox / "_held" / "acme" / "a.pdf").unlink()
    assert refuse(inbox, tmp_path) == "a.pdf"
    assert set(lying(inbox)) == {"a.pdf", "a.pdf.reason.txt"}


def test_across_file_systems_it_is_copied(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no second link can be made."""

    def refuse_link(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse_link)
    refuse(inbox, tmp_path)
    assert lying(inbox)["a.pdf"] == b"bytes"
    assert not (tmp_path / "spooled").exists()


def test_long_and_odd_names_fit(inbox: Path, tmp_path: Path) -> None:
    """Cut to what a file system takes, with the ending kept."""
    name = refuse(inbox, tmp_path, "ä" * 120 + ".pdf")
    assert name.endswith(".pdf")
    assert len((name + ".reason.txt").encode()) <= 255
    assert refuse(inbox, tmp_path, "ä" * 120 + ".pdf", "r2") != name
    assert refuse(inbox, tmp_path, "noending", "r3") == "noending"


def test_who_may_not_see_the_matter_may_not_see_what_is_held(inbox: Path, tmp_path: Path) -> None:
    """The folder takes the mode of the matter's own."""
    (inbox / "acme").chmod(0o750)
    refuse(inbox, tmp_path)
    assert stat.S_IMODE((inbox / "_held" / "acme").stat().st_mode) == 0o750


@pytest.mark.parametrize("link", ["_held", "_held/acme"])
def test_no_link_is_followed(inbox: Path, tmp_path: Path, link: str) -> None:
    """Nothing is written where a link leads, and the file stays where it was."""
    (tmp_path / "elsewhere").mkdir()
    (inbox / link).parent.mkdir(exist_ok=True)
    (inbox / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="Not a directory"):
        refuse(inbox, tmp_path)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "spooled").exists()


def test_a_reason_alone(inbox: Path) -> None:
    """For a folder that can't be read: written once, however often it is said."""
    refusal = Refusal("acme", inbox / "acme" / "locked", "the folder can't be read", "r1", "d1")
    write_reason(refusal, inbox)
    write_reason(refusal, inbox)
    assert set(lying(inbox)) == {"locked.reason.txt"}
