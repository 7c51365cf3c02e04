"""When a dropped file may be taken: the policy as a table."""

from __future__ import annotations

import pytest

from pipeline.inbox.settle import Fault, Stamp, Verdict, Waits, Watched, looked, seen, verdict
from pipeline.types import DocumentStatus

WAITS = Waits(settle=10, patience=300)
FAULT = Fault(DocumentStatus.HELD, "cut short")


def stamp(size: int = 1, mtime: int = 1, ctime: int = 1) -> Stamp:
    return Stamp(size, mtime, ctime)


@pytest.mark.parametrize(
    ("still", "was_looked", "fault", "expected"),
    [
        (0, False, None, Verdict.WAIT),
        (9.9, False, None, Verdict.WAIT),
        (10, False, None, Verdict.LOOK),
        (900, False, None, Verdict.LOOK),
        (10, True, None, Verdict.TAKE),
        (10, True, FAULT, Verdict.WAIT),
        (299, True, FAULT, Verdict.WAIT),
        (300, True, FAULT, Verdict.REFUSE),
    ],
)
def test_verdict(still: float, was_looked: bool, fault: Fault | None, expected: Verdict) -> None:
    """Looked into once it stood still; taken if whole; refused only when patience is at its end."""
    assert verdict(Watched(stamp(), 100.0, was_looked, fault), 100.0 + still, WAITS) is expected


@pytest.mark.parametrize("changed", [stamp(size=2), stamp(mtime=2), stamp(ctime=2)])
def test_any_change_starts_all_over(changed: Stamp) -> None:
    """A file that grew, was rewritten in place or had its times set back is a new one, and must be looked into anew."""
    before = Watched(stamp(), 0.0, looked=True, fault=FAULT)
    assert seen(before, changed, 50.0) == Watched(changed, 50.0)
    assert seen(before, stamp(), 50.0) is before
    assert seen(None, stamp(), 50.0) == Watched(stamp(), 50.0)


def test_what_was_found_in_another_file_says_nothing() -> None:
    """A file that changed while it was looked into has to stand still again; one that could not be opened has not."""
    before = Watched(stamp(), 0.0)
    assert looked(before, stamp(size=2), None, 50.0) == Watched(stamp(size=2), 50.0)
    assert looked(before, stamp(), None, 50.0) == Watched(stamp(), 0.0, looked=True)
    assert looked(before, None, FAULT, 50.0) == Watched(stamp(), 0.0, looked=True, fault=FAULT)
