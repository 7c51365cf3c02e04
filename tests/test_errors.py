"""The error tree: the drawing in the docstring is what the classes do."""

from __future__ import annotations

import re

import pytest

from pipeline import errors

LINE = re.compile(r"^\s{4}(?P<stem>[│├└─ ]*)(?P<name>\w+)\s+exit (?P<exit>\d+)(?P<rest>.*)$")


def drawn() -> list[tuple[str, str, int, bool]]:
    """(class, its parent, exit code, retryable) of each line of the drawing."""
    rows: list[tuple[str, str, int, bool]] = []
    path: list[str] = []
    for match in filter(None, map(LINE.match, (errors.__doc__ or "").splitlines())):
        depth = len(match["stem"]) // 4
        path[depth:] = [match["name"]]
        parent = path[depth - 1] if depth else "Exception"
        rows.append((match["name"], parent, int(match["exit"]), "retr" in match["rest"]))
    return rows


def test_every_class_is_drawn_once() -> None:
    """The docstring names exactly the public classes."""
    assert sorted(name for name, *_ in drawn()) == sorted(errors.__all__)


@pytest.mark.parametrize(("name", "parent", "exit_code", "retryable"), drawn())
def test_a_class_is_as_it_is_drawn(name: str, parent: str, exit_code: int, retryable: bool) -> None:
    """Parent, exit code and whether trying again can help."""
    kind = getattr(errors, name)
    assert kind.__bases__[0].__name__ == parent
    assert (kind.exit_code, kind.retryable) == (exit_code, retryable)


def test_a_message_is_kept_as_given() -> None:
    """Errors are plain exceptions: `str` is the one line for the user."""
    assert str(errors.WorkerDied("page 3 ran out of memory")) == "page 3 ran out of memory"
