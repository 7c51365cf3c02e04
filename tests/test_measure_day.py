"""The replayed day on a small scale: the measurement works, and it sees what it is there to see."""

import pytest

from infra.measure.day import HOURS, Day, Sample, arrivals, replay
from infra.measure.flat import growth
from infra.measure.recording import file_of, matter_of

DOCUMENTS = 6


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return replay(tmp_path_factory.mktemp("day"), DOCUMENTS, 2.0)


def test_what_arrives_is_worked_off_by_the_real_road(day):
    """Every document and page is in catalog and index once; nobody waits at the end."""
    assert [problem for problem in day.wrong if "memory" not in problem and "longer" not in problem] == []
    assert day.samples[-1].arrived == DOCUMENTS == len(day.took)
    assert 10 * DOCUMENTS <= day.pages <= 30 * DOCUMENTS
    assert set(day.stages) >= {"triage", "extract", "merge", "index"}
    assert all(size > 0 for size in day.sizes.values())


def test_a_day_has_its_hours():
    """Documents arrive in order within the day, as many each hour as the hour has."""
    moments = arrivals(1000, 24.0)
    assert moments == sorted(moments) and moments[0] >= 0 and moments[-1] < 24
    counted = [sum(hour <= moment < hour + 1 for moment in moments) for hour in range(24)]
    assert counted == pytest.approx([1000 * share / sum(HOURS) for share in HOURS], abs=2)


def test_growth_is_of_the_last_third():
    """What was loaded in the beginning is no growth; what comes on top at the end is."""
    assert growth([1, 5, 10, 10, 10, 10, 10, 10, 11]) == pytest.approx(0.1)
    assert growth([10, 10]) == 0.0
    samples = [Sample(n, 0, 0, {"work": 100.0 * n}) for n in range(1, 7)]
    assert Day(1, samples=samples).growth("work") == pytest.approx(0.5)
    assert Day(1, took=[1.0] * 10 + [1.5] * 10).slower() == pytest.approx(0.5)


def test_documents_differ():
    """No two files are alike, and few matters have many documents."""
    assert len({file_of(number) for number in range(100)}) == 100
    matters = [matter_of(number) for number in range(1000)]
    assert matters.count("matter-000") > 20 and len(set(matters)) > 100
