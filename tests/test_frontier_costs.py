"""What was spent, told by day, matter, document and model, and what reading everything would cost."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.catalog import Catalog
from pipeline.frontier.costs import PageMean, everything, page_mean, spent_by
from pipeline.frontier.gate import Policies
from pipeline.frontier.ledger import Budget, Ledger, Planned, midnight
from pipeline.types import Document, PageOutcome, PageStatus

MONDAY, TUESDAY = midnight(date(2026, 11, 23)), midnight(date(2026, 11, 24))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """A document of four pages; on Monday a call of two pages for 0.04, a refused and a lost one; on Tuesday a batch
    with one answer for 0.01 and one under way, for a matter whose document is gone."""
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}") as opened:
        opened.add(Document("d1", "acme", "deal.pdf", "ab"), "/inbox/deal.pdf")
        opened.set_pages("d1", [PageOutcome(n, None, ("r",), PageStatus.AWAITING) for n in range(1, 5)])
        Policies(opened.database).set("novatek", "cloud")
        now = [MONDAY + 3600]
        ledger = Ledger(opened.database, clock=lambda: now[0])

        def call(document: str, matter: str, pages: tuple[int, ...], batch: str = "") -> int:
            return ledger.reserve(Planned(1, document, matter, pages, "h", "big", Decimal("0.5"), batch), Budget())

        ledger.settle(call("d1", "acme", (1, 2)), Decimal("0.04"), {})
        ledger.close(call("d1", "acme", (3,)), "status 529")
        call("d1", "acme", (3,))
        ledger.lose(1)
        now[0] = TUESDAY + 3600
        ledger.settle(call("d2", "novatek", (1,), "1"), Decimal("0.01"), {})
        call("d2", "novatek", (2,), "1")
        yield opened


def test_days_are_summed_and_what_is_unsure_stands_apart(catalog: Catalog) -> None:
    """Paid, perhaps paid, and reserved by a batch under way are three sums."""
    monday, tuesday = spent_by(catalog.database, "day")
    assert (monday.key, monday.calls, monday.pages) == ("2026-11-23", 3, 4)
    assert (monday.usd, monday.unsure, monday.reserved) == (Decimal("0.04"), Decimal("0.5"), Decimal(0))
    assert (tuesday.usd, tuesday.unsure, tuesday.reserved) == (Decimal("0.01"), Decimal(0), Decimal("0.5"))


@pytest.mark.parametrize(
    ("what", "keys"),
    [
        ("matter", ["acme", "novatek"]),
        ("document", ["(deleted) [d2]", "deal.pdf [d1]"]),
        ("model", ["big"]),
    ],
)
def test_other_sums(catalog: Catalog, what: str, keys: list[str]) -> None:
    """By matter, document and model; a matter without documents keeps the name its policy knows it by."""
    assert [one.key for one in spent_by(catalog.database, what)] == keys


def test_a_span_of_days(catalog: Catalog) -> None:
    """From a day's first second until before the first of another."""
    assert [one.key for one in spent_by(catalog.database, "day", since=TUESDAY)] == ["2026-11-24"]
    assert [one.key for one in spent_by(catalog.database, "day", until=TUESDAY)] == ["2026-11-23"]


def test_the_mean_of_a_page_is_at_the_price_of_direct_calls(catalog: Catalog) -> None:
    """Two pages for 0.04 and one of a batch for 0.01, which would have cost 0.02 at once: 0.02 a page."""
    assert page_mean(catalog.database, "big") == PageMean(Decimal("0.02"), 3)
    assert page_mean(catalog.database, "another") is None


def test_everything_names_what_its_figure_rests_on(catalog: Catalog) -> None:
    """The mean of what was paid where there is one, else the most a page can cost, and it says which."""
    paid, bound = (everything(catalog.database, model, Decimal("0.1")) for model in ("big", "another"))
    assert (paid.pages, paid.usd) == (4, Decimal("0.08")) and "mean of the 3 pages big has read" in paid.basis
    assert bound.usd == Decimal("0.4") and bound.basis.startswith("at most")
