"""Another scan of the same paper is linked, inside its matter, and never where the records say that it is another."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from written import document

from pipeline.catalog import Catalog
from pipeline.database import Database
from pipeline.extract import merge
from pipeline.inbox.prints import BYTES
from pipeline.inbox.rescans import Rescan, Rescans, contradiction
from pipeline.types import Document
from schemas.contract import Contract

LOOKS = [random.Random(page).randbytes(BYTES).hex() for page in range(8)]


@pytest.fixture
def catalog(database: Database) -> Iterator[Catalog]:
    return Catalog(database)


@pytest.fixture
def rescans(catalog: Catalog) -> Rescans:
    return Rescans(catalog)


def scan_again(look: str, bits: int = 20) -> str:
    """The look of another scan: so many bits turned over."""
    value = int(look, 16)
    for place in random.Random(look).sample(range(255), bits):
        value ^= 1 << place
    return f"{value:0{2 * BYTES}x}"


def known(catalog: Catalog, id: str, matter: str = "acme") -> Document:
    document, _ = catalog.add(Document(id, matter, f"{id}.pdf", id * 8), f"{id}.pdf")
    return document


def record(parties: tuple[str, ...] = (), numbers: tuple[str, ...] = (), status: str = "verified") -> Contract:
    def entry(values: tuple[str, ...]) -> dict[str, object]:
        made = {"evidence": (), "status": status, "confidence": 0.9, "extractor": "rules"}
        return {"status": status if values else "absent", "values": [{"raw": v, "value": v, **made} for v in values]}

    empty = {"document": "d", "matter": "m", "name": "n"}
    return empty_contract(empty | {"parties": entry(parties), "reference_numbers": entry(numbers)})


def empty_contract(fields: dict[str, object]) -> Contract:

    blank = merge(document(0), {}, [])
    return Contract.model_validate(
        blank.model_dump() | {name: fields[name] for name in ("parties", "reference_numbers")}
    )


def test_a_second_scan_is_linked_with_the_first(catalog: Catalog, rescans: Rescans) -> None:
    """Both name the other; both are there; counted once."""
    first, second = known(catalog, "d1"), known(catalog, "d2")
    assert rescans.compare(first, LOOKS[:4], record()) == []
    found = rescans.compare(second, [scan_again(look) for look in LOOKS[:4]], record())
    assert found == rescans.of("d2") == [Rescan("d1", "d1.pdf", 4, 4)]
    assert rescans.of("d1") == [Rescan("d2", "d2.pdf", 4, 4)]
    assert (rescans.count(), rescans.count(["acme"]), rescans.count(["other"])) == (1, 1, 0)
    assert len(catalog.documents()) == 2


def test_walked_again_it_is_linked_once(catalog: Catalog, rescans: Rescans) -> None:
    """A run that is repeated says the same."""
    for id in ("d1", "d2", "d1", "d2"):
        rescans.compare(known(catalog, id), LOOKS[:3], record())
    assert [found.document for found in rescans.of("d1")] == ["d2"]
    assert rescans.count() == 1


@pytest.mark.parametrize(
    ("looks", "linked"),
    [
        ([*LOOKS[:4], LOOKS[7]], True),  # four of five
        ([*LOOKS[:3], LOOKS[6], LOOKS[7]], False),
        ([LOOKS[7], *LOOKS[:5]], True),  # a cover before it
        ([*LOOKS[:4], ""], True),  # an empty page is not compared
        ([""] * 5, False),
        (LOOKS[3:8], False),
        ([scan_again(look, 100) for look in LOOKS[:5]], False),
    ],
)
def test_nearly_all_pages_must_look_alike(catalog: Catalog, rescans: Rescans, looks: list[str], linked: bool) -> None:
    """Those that show something, in their order."""
    rescans.compare(known(catalog, "d1"), LOOKS[:5], record())
    assert bool(rescans.compare(known(catalog, "d2"), looks, record())) is linked


def test_another_matter_is_never_looked_into(catalog: Catalog, rescans: Rescans) -> None:
    """The same paper of two clients stays unknown to both."""
    rescans.compare(known(catalog, "d1", "acme"), LOOKS[:3], record())
    assert rescans.compare(known(catalog, "d2", "brook"), LOOKS[:3], record()) == []


def test_a_contract_of_the_same_template_is_not_linked(catalog: Catalog, rescans: Rescans) -> None:
    """Their pages look alike and their records name other parties; found out later, the link is undone."""
    ours, theirs = record(("Alder Freight Company", "Brook Survey Limited")), record(("Cedar Court LLC", "Dune Inc."))
    first, second = known(catalog, "d1"), known(catalog, "d2")
    rescans.compare(first, LOOKS[:3], ours)
    assert rescans.compare(second, LOOKS[:3], theirs), "the first has no record yet"
    catalog.set_record("d1", ours.model_dump_json(), [])
    assert rescans.compare(second, LOOKS[:3], theirs) == []
    assert rescans.of("d1") == []


@pytest.mark.parametrize(
    ("one", "other", "differs"),
    [
        ((), ("Alder Freight Company",), ""),
        (("Alder Freight Company",), ("Alder Freight Company",), ""),
        (("Alder Freight Company",), ("A1der Freighl Cornpany",), ""),  # a poor scan
        (("Alder Freight Company", "Brook Survey Limited"), ("Alder Freight Company",), ""),
        (("Alder Freight Company",), ("Dune Analytics Inc.",), "other parties"),
        (("Alder Freight Company", "Brook Survey Limited"), ("Alder Freight Company", "Dune Inc."), "other parties"),
    ],
)
def test_parties_that_tell_two_contracts_apart(one: tuple[str, ...], other: tuple[str, ...], differs: str) -> None:
    """Each must name somebody whom the other does not: a scan may lose a party, not make one up."""
    assert contradiction(record(one), record(other)) == differs
    assert contradiction(record(other), record(one)) == differs


def test_what_is_not_verified_tells_nothing_apart() -> None:
    """And a number that both name in other words does."""
    assert contradiction(record(("Alder Freight",), status="unverified"), record(("Dune Inc.",))) == ""
    assert contradiction(record(numbers=("MSA-2021-0043",)), record(numbers=("LSE-1999-7781",))) == "another number"
    assert contradiction(record(numbers=("MSA-2021-0043",)), record(numbers=("MSA-2021-OO43",))) == ""
