"""What frontier models said, as it is remembered: several models side by side, and who is asked next."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pipeline.catalog import Catalog
from pipeline.frontier.readings import STAGE, VERSION, FrontierReading, by_model, keep, remembered, to_ask
from pipeline.types import Document, DocumentStatus, PageOutcome, PageStatus, Route
from schemas.frontier import FrontierPage

SHA = "ab" * 32
PAGE = {
    "page": 1,
    "readable": True,
    "record": {
        "document_type": {"kind": "unknown", "title": "", "quote": ""},
        **{items: [] for items in ("dates", "amounts", "parties", "key_obligations", "reference_numbers")},
    },
    "clauses": [],
}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}") as catalog:
        catalog.add(Document("d1", "acme", "deal.pdf", SHA), "/inbox/deal.pdf")
        yield catalog


def read(model: str, at: float = 1.0) -> FrontierReading:
    """A page as this model read it."""
    return FrontierReading(model, "cloud", FrontierPage.model_validate(PAGE), at=at)


def failed(model: str, at: float = 1.0) -> FrontierReading:
    """A page this model gave no answer for."""
    return FrontierReading(model, "cloud", failed="the answer was cut off", at=at)


def document(catalog: Catalog, *pages: tuple[PageStatus, Route]) -> Document:
    """A document whose pages ended so."""
    stored, _ = catalog.add(Document("d1", "acme", "deal.pdf", SHA), "/inbox/deal.pdf")
    outcomes = [PageOutcome(number, route, (), status) for number, (status, route) in enumerate(pages, 1)]
    catalog.finish(stored.id, DocumentStatus.AWAITING, "", outcomes, "{}", ())
    return stored


WAITS, READ = (PageStatus.AWAITING, Route.FRONTIER), (PageStatus.EXTRACTED, Route.FRONTIER)
EASY, HELD = (PageStatus.EXTRACTED, Route.TEXT), (PageStatus.HELD, Route.FRONTIER)


def test_answers_of_two_models_stand_side_by_side(catalog):
    """Neither takes the other's place, and each is found by its model."""
    keep(catalog, SHA, {1: read("opus"), 2: read("opus")})
    keep(catalog, SHA, {1: read("sonnet", at=2.0)})
    assert {model: sorted(pages) for model, pages in by_model(catalog, SHA).items()} == {"opus": [1, 2], "sonnet": [1]}
    assert by_model(catalog, "cd" * 32) == {}


@pytest.mark.parametrize(
    ("kept", "prefer", "chosen"),
    [
        ([read("opus", 1), read("sonnet", 2)], "opus", "opus"),
        ([read("opus", 1), read("sonnet", 2)], "haiku", "sonnet"),
        ([read("opus", 3), read("sonnet", 2)], "haiku", "opus"),
        ([failed("opus", 3), read("sonnet", 2)], "opus", "sonnet"),
        ([failed("opus", 3), failed("sonnet", 4)], "opus", "opus"),
    ],
    ids=["the configured one", "else the newest", "whichever was kept first", "an answer before a failure", "failures"],
)
def test_one_reading_is_chosen_for_a_page(catalog, kept, prefer, chosen):
    """The configured model's, else the newest; a failure only where nobody has an answer."""
    for reading in kept:
        keep(catalog, SHA, {1: reading})
    assert remembered(catalog, SHA, prefer)[1].model == chosen


def test_a_model_that_failed_may_answer_later_and_not_the_other_way_round(catalog):
    """The answer takes the failure's place and keeps it."""
    for reading, usable in ((failed("opus"), False), (read("opus", 2), True), (failed("opus", 3), True)):
        keep(catalog, SHA, {1: reading})
        assert (by_model(catalog, SHA)["opus"][1].page is not None) is usable


def test_nothing_is_kept_of_content_that_was_deleted(catalog):
    """An answer that comes after the document was deleted is dropped."""
    keep(catalog, "ef" * 32, {1: read("opus")})
    assert by_model(catalog, "ef" * 32) == {}


def test_answers_of_before_models_were_told_apart_are_found(catalog):
    """A row whose key names no model, without a time: the model stands in it, and a newer answer goes before it."""
    old = TypeAdapter(FrontierReading).dump_python(read("opus"), mode="json")
    del old["at"]
    catalog.save(SHA, 1, STAGE, VERSION, TypeAdapter(dict).dump_json(old).decode(), 0.0)
    assert by_model(catalog, SHA)["opus"][1].page is not None
    keep(catalog, SHA, {1: read("sonnet", 5.0)})
    assert remembered(catalog, SHA, "opus")[1].model == "opus"
    assert remembered(catalog, SHA, "haiku")[1].model == "sonnet"


def test_answers_to_another_prompt_are_not_used(catalog):
    """What was answered to other questions is asked anew."""
    payload = TypeAdapter(FrontierReading).dump_json(read("opus")).decode()
    catalog.save(SHA, 1, STAGE, f"{VERSION}0 opus", payload, 0.0)
    assert by_model(catalog, SHA) == {}


def test_pages_that_any_model_was_asked_about_are_not_asked_about_again(catalog):
    """Only the waiting page without any answer is; the page that does not need the model never."""
    deal = document(catalog, WAITS, WAITS, READ, EASY)
    keep(catalog, SHA, {2: failed("opus"), 3: read("opus"), 4: read("opus")})
    assert to_ask(catalog, deal, "opus") == to_ask(catalog, deal, "sonnet") == [1]


def test_on_demand_the_configured_model_is_asked_about_what_it_has_not_answered(catalog):
    """Its own failures and what another model read of pages that need one; not what it answered, nor easy pages."""
    deal = document(catalog, WAITS, HELD, READ, EASY)
    keep(catalog, SHA, {2: failed("opus"), 3: read("opus"), 4: read("opus")})
    assert to_ask(catalog, deal, "opus", again=True) == [1, 2]
    assert to_ask(catalog, deal, "sonnet", again=True) == [1, 2, 3]
