"""The crash script on a small scale: the measurement works, and it sees what it is there to see."""

import random
from collections import Counter

import pytest

from infra.measure.crashes import Chances, Round, _count_again, crash_round, make_inbox, undisturbed


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes")
    inbox = make_inbox(folder / "inbox", 2)
    return inbox, *undisturbed(folder, inbox)


def test_nothing_is_lost_doubled_or_done_twice(whole, tmp_path):
    """The index owner, a worker and the whole group are killed in one round: it ends as the undisturbed run did."""
    inbox, outcome, seconds = whole
    done = crash_round(tmp_path, inbox, outcome, Chances(random.Random(5), 3, seconds, turn=12))
    assert done.wrong == [] and sum(done.kills.values()) > 0
    assert list(tmp_path.iterdir()) == []


def test_a_difference_and_work_done_twice_are_seen(whole, tmp_path):
    """Judged against another outcome the round says which document differs; a saved result that is computed again is
    counted as wrong, one that was not saved is not."""
    inbox, outcome, seconds = whole
    name, *_ = outcome.documents
    other = type(outcome)(outcome.documents | {name: None, "lost.pdf": None}, outcome.points | {"acme": {}})
    wrong = crash_round(tmp_path, inbox, other, Chances(random.Random(5), 0, seconds)).wrong
    assert len(wrong) == 2 and name in wrong[0] and "points" in wrong[1]
    round_ = Round(kills=Counter())
    _count_again(["a 1 read v", "b 1 read v"], {("a", 1, "read", "v")}, round_)
    assert round_.wrong == ["1 results were saved and computed again, a read first"]
