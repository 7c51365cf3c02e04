"""The kill script on a small scale: the measurement works, and it sees what it is there to see."""

import random
from collections import Counter

import pytest

from infra.measure.kills import Chances, Round, kill_round, make_home


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("kills"), 4)


@pytest.mark.parametrize("way", ["direct", "batch"])
def test_nothing_is_lost_or_paid_twice_in_silence(home, way, tmp_path):
    """Five kills, by chance: every page ends read, each extra call is named, no file and no process stays."""
    done = kill_round(home, way, Chances(random.Random(5), 5, seconds=2.0), tmp_path)
    assert done.wrong == [] and done.kills > 0
    assert set(done.asked) == set(home.pages.values())


def test_a_page_paid_again_without_a_word_is_seen():
    """The sums are of pages: asked about beyond the one answer that was kept."""
    page = ("d", 1)
    assert Round("direct", asked=Counter({page: 3, ("d", 2): 1})).twice == 2
