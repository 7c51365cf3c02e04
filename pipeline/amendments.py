"""Which document an amendment changes: found anew each time it is asked for, so it does not matter which came first.

An amendment names its agreement by title, date and number, and shares its parties. Each of these that agrees
with another document of the same matter counts for the link, each that differs against it. A link is `certain`
when enough agrees and no other document fits nearly as well; any other is shown as uncertain, with its reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from pipeline.catalog import Catalog
from pipeline.ground import fold, same_name
from pipeline.types import Document
from schemas.contract import Amended, Contract
from schemas.fields import Entry, FieldValue

__all__ = ["Link", "Links", "amended_by", "links_of", "targets"]

NUMBER, DATE, TITLE, PARTIES, ONE_PARTY = 0.5, 0.35, 0.2, 0.25, 0.1
"""What agreement in each counts; set by hand so that a number and anything else, or date, title and parties suffice."""

OTHER_DATE, OTHER_PARTIES, OTHER_TITLE = -0.3, -0.3, -0.15
CERTAIN, POSSIBLE, MARGIN = 0.6, 0.3, 0.15
"""Score of a certain and of a possible link, and how far a certain one is ahead of the next."""

LIKE = 85
"""Similarity (0..100) of two titles that are the same."""

MOST_READ = 200
"""Documents whose records are compared with one amendment."""

AMENDING = "amendment"


@dataclass(frozen=True, slots=True)
class Link:
    """An amendment and a document it changes: the other document's id and name, and why it is taken for that."""

    document: str
    name: str
    score: float
    certain: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """Both directions of one document: what it amends (best first) and what amends it."""

    amends: tuple[Link, ...] = ()
    amended_by: tuple[Link, ...] = ()


def links_of(document: Document, catalog: Catalog) -> Links:
    """The links of a document with the others of its matter, from what the catalog holds now."""
    record = _record(document.id, catalog)
    if record is None:
        return Links()
    names = {other.id: other.name for other in catalog.documents([document.matter])}
    back = []
    for id in catalog.stating(document.matter, "amends"):
        amendment = _record(id, catalog) if id != document.id else None
        if amendment is not None:
            found = targets(amendment, _candidates(amendment, document.matter, catalog))
            back += [_link(amendment.document, score, names) for score in found if score.document == document.id]
    found = amended_by(record, document.matter, catalog)
    return Links(tuple(_link(score.document, score, names) for score in found), tuple(back))


def amended_by(amendment: Contract, matter: str, catalog: Catalog) -> list[_Score]:
    """What of the matter this record may amend, best first."""
    return targets(amendment, _candidates(amendment, matter, catalog)) if amendment.amends.best else []


@dataclass(frozen=True, slots=True)
class _Score:
    document: str
    score: float
    certain: bool
    reasons: tuple[str, ...]


def _link(document: str, score: _Score, names: dict[str, str]) -> Link:
    return Link(document, names.get(document, document), score.score, score.certain, score.reasons)


def targets(amendment: Contract, candidates: Sequence[Contract]) -> list[_Score]:
    """The candidates that the amendment may change, best first; none for a record that names no agreement."""
    said = amendment.amends.best
    if said is None:
        return []
    scored = []
    for other in candidates:
        if other.document != amendment.document:
            points = list(_points(said, amendment, other))
            scored.append((round(sum(weight for weight, _ in points), 2), other, tuple(text for _, text in points)))
    scored.sort(key=lambda each: -each[0])
    possible = [each for each in scored if each[0] >= POSSIBLE]
    clear = len(possible) < 2 or possible[0][0] - possible[1][0] >= MARGIN
    found = []
    for rank, (score, other, reasons) in enumerate(possible):
        certain = rank == 0 and clear and score >= CERTAIN
        beside = () if clear or certain else ("another document fits as well",)
        found.append(_Score(other.document, score, certain, (*reasons, *beside)))
    return found[:1] if found and found[0].certain else found


def _points(said: Amended, amendment: Contract, other: Contract) -> Iterator[tuple[float, str]]:
    """(weight, reason) for each thing compared; what either side does not know counts nothing."""
    shared = _numbers(other) & ({fold(said.number)} if said.number else _numbers(amendment))
    if shared:
        yield NUMBER, f"number {said.number or 'in common'}"
    if said.date and (dates := _dates(other)):
        yield (DATE, f"dated {said.date}") if said.date in dates else (OTHER_DATE, f"not dated {said.date}")
    title = other.title.best
    if title is not None:
        alike = fuzz.token_set_ratio(said.value.casefold(), title.value.casefold()) >= LIKE
        amending = other.kind.best is not None and other.kind.best.value == AMENDING
        yield (TITLE, f"title “{title.value[:80]}”") if alike and not amending else (OTHER_TITLE, "another title")
    if amendment.parties.values and other.parties.values:
        same = sum(any(same_name(a.value, b.value) for b in other.parties.values) for a in amendment.parties.values)
        if same:
            yield (PARTIES, "the same parties") if same > 1 else (ONE_PARTY, "one party in common")
        else:
            yield OTHER_PARTIES, "other parties"


def _numbers(contract: Contract) -> set[str]:
    return {fold(each.value) for each in contract.reference_numbers.values if len(each.value) > 3}


def _dates(contract: Contract) -> set[str]:
    entries: tuple[Entry[FieldValue], ...] = (contract.agreement_date, contract.effective_date)
    return {value.value for entry in entries for value in entry.values}


def _candidates(amendment: Contract, matter: str, catalog: Catalog) -> list[Contract]:
    """Records of the matter that bear the number, the date or a party of the amendment; without these, all of them."""
    said = amendment.amends.best
    if said is None:
        return []
    ids = [
        *catalog.stating(matter, "reference_numbers", [said.number] if said.number else []),
        *catalog.stating(matter, "agreement_date", [said.date] if said.date else []),
        *catalog.stating(matter, "effective_date", [said.date] if said.date else []),
        *catalog.stating(matter, "parties", [party.value for party in amendment.parties.values]),
    ]
    ids = list(dict.fromkeys(ids)) or [document.id for document in catalog.documents([matter])]
    return [record for id in ids[:MOST_READ] if (record := _record(id, catalog)) is not None]


def _record(id: str, catalog: Catalog) -> Contract | None:
    record = catalog.record(id)
    return Contract.model_validate_json(record) if record else None
