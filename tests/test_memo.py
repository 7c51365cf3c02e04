"""Stage results: remembered, repeated only when something changed, errors never kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.catalog import Catalog
from pipeline.errors import DocumentHeld
from pipeline.memo import Clock, Memo, chain
from pipeline.types import Box, Word

SHA = "ab" * 32


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}") as catalog:
        yield catalog


def word(number):
    return Word(f"word{number}", Box(0.1, 0.2, 0.3, 0.4), 0.5, number)


def words_of(numbers):
    """Page by page, as workers give them."""
    return ({n: word(n)} for n in numbers)


def test_computes_each_page_once(catalog):
    """A second run gets every page from the catalog, equal to what was computed."""
    memo = Memo(catalog, SHA, {"read": "v1"})
    first = memo.pages("read", Word, [1, 2, 3], words_of)
    again = memo.pages("read", Word, [1, 2, 3], lambda missing: pytest.fail(f"computed {missing} again"))
    assert again == first == {n: word(n) for n in (1, 2, 3)}


def test_computes_only_what_is_missing(catalog):
    """After an interruption only the pages that were not saved are computed."""
    memo = Memo(catalog, SHA, {"read": "v1"})

    def killed_after_two(missing):
        results = words_of(missing)
        yield next(results)
        yield next(results)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memo.pages("read", Word, [1, 2, 3, 4], killed_after_two)
    asked = []
    memo.pages("read", Word, [1, 2, 3, 4], lambda missing: asked.extend(missing) or words_of(missing))
    assert asked == [3, 4]


def test_what_becomes_known_together_is_kept_at_once(catalog):
    """All results that a stage yields together are kept before it is asked for more."""
    memo = Memo(catalog, SHA, {"triage": "v1"})

    def killed_after_the_first(missing):
        yield {n: word(n) for n in missing[:3]}
        assert list(catalog.results(SHA, "triage", "v1")) == [1, 2, 3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memo.pages("triage", Word, [1, 2, 3, 4], killed_after_the_first)
    assert memo.pages("triage", Word, [1, 2, 3, 4], words_of) == {n: word(n) for n in (1, 2, 3, 4)}


def test_errors_are_passed_on_and_not_remembered(catalog):
    """A page that failed carries its error now and is tried again by the next run."""
    memo = Memo(catalog, SHA, {"read": "v1"})
    error = DocumentHeld("page 1 took too long")
    assert memo.pages("read", Word, [1], lambda missing: [{1: error, 2: word(2)}]) == {1: error}
    assert memo.pages("read", Word, [1], words_of) == {1: word(1)}
    assert list(catalog.results(SHA, "read", "v1")) == [1, 2]


def test_another_version_computes_again(catalog):
    """A changed stage version does not see the results of the old one."""
    Memo(catalog, SHA, {"read": "v1"}).pages("read", Word, [1], words_of)
    changed = Word("other", Box(0, 0, 1, 1))
    assert Memo(catalog, SHA, {"read": "v2"}).pages("read", Word, [1], lambda missing: [{1: changed}]) == {1: changed}


def test_whole_document_result(catalog):
    """One result a document is kept like a page, and what `compute` raises passes through uncounted."""
    memo = Memo(catalog, SHA, {"inspect": "v1"})

    def refuse():
        raise DocumentHeld("truncated")

    with pytest.raises(DocumentHeld, match="truncated"):
        memo.whole("inspect", int, refuse)
    assert memo.whole("inspect", int, lambda: 7) == 7
    assert memo.whole("inspect", int, lambda: 8) == 7


def test_chain_covers_every_stage_before():
    """Changing a stage changes its version and those after it, and none before."""
    old = chain({"render": "1", "read": "1", "triage": "1"})
    new = chain({"render": "1", "read": "2", "triage": "1"})
    assert old["render"] == new["render"]
    assert old["read"] != new["read"]
    assert old["triage"] != new["triage"]


def test_clock_adds_up_by_stage():
    """Seconds of a stage add up over its calls, also when a call fails."""
    clock = Clock()
    with clock.stage("read"):
        pass
    first = clock.seconds["read"]
    with pytest.raises(ValueError, match="x"), clock.stage("read"):
        raise ValueError("x")
    assert clock.seconds["read"] >= first
    assert list(clock.seconds) == ["read"]


def test_clock_counts_what_workers_measured():
    """Seconds measured in a worker join the stage's own."""
    clock = Clock()
    clock.add("read", 1.5)
    clock.add("read", 0.25)
    assert clock.seconds == {"read": 1.75}
