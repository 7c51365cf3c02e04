"""After grounding: which pages need a better reader, and why.

What must be known depends on the kind of document. A field that its kind may well lack (an NDA names no sum)
is never missed; one that it should have and that is unverified, in conflict, unsure or absent sends the page
where it stands, or would stand, to the frontier model. Two readings of any single field send both their pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.trust import NOT_ON_PAGE
from pipeline.types import Route, Triage
from schemas.contract import SINGLE_FIELDS, Contract
from schemas.fields import Entry, FieldValue
from schemas.kinds import CONTRACT_KINDS

__all__ = ["REQUIRED", "conflicts", "missed", "required_fields", "review"]

Group = tuple[str, ...]
"""Fields of which one is enough."""

Doubt = tuple[str, int, str]
"""(field, page, reason)"""

DATED: Group = ("agreement_date", "effective_date")
BINDING: tuple[Group, ...] = (("parties",), DATED)
REQUIRED: dict[str, tuple[Group, ...]] = {
    **dict.fromkeys(sorted(CONTRACT_KINDS), BINDING),
    "invoice": (("amounts",), DATED, ("reference_numbers",)),
    "purchase order": (("amounts",), DATED, ("reference_numbers",)),
    "order": (("reference_numbers",),),
    "receipt": (("amounts",), DATED),
    "letter": (DATED,),
}
"""By kind; kinds not named here (a schedule, an unknown document) must have nothing in particular."""


def required_fields(kind: str) -> tuple[Group, ...]:
    """What a document of this kind must have; each group is met by any of its fields."""
    return REQUIRED.get(kind, ())


def review(contract: Contract, triages: Sequence[Triage], threshold: float) -> dict[int, tuple[str, ...]]:
    """Reasons to escalate, by page. `threshold` (0..1) is `settings.field_threshold`.

    Blank pages are never named. A field nowhere found points at the first page that is not blank.
    """
    open_pages = sorted(triage.number for triage in triages if triage.route is not Route.BLANK)
    reasons: dict[int, list[str]] = {}
    for _, page, reason in [*missed(contract, threshold), *conflicts(contract)]:
        target = page or (open_pages[0] if open_pages else 0)
        if target in open_pages and reason not in reasons.setdefault(target, []):
            reasons[target].append(reason)
    return {page: tuple(texts) for page, texts in sorted(reasons.items()) if texts}


def missed(contract: Contract, threshold: float) -> Iterator[Doubt]:
    """Each doubt about a field that the document's kind requires; page 0 when it stands nowhere."""
    kind = _kind(contract)
    for group in required_fields(kind):
        yield from _doubts(contract, group, kind, threshold)


def conflicts(contract: Contract) -> Iterator[Doubt]:
    """Each passage of a field that no kind requires and that was read in several ways."""
    required = {name for group in required_fields(_kind(contract)) for name in group}
    for name in SINGLE_FIELDS:
        if name not in required and getattr(contract, name).conflict:
            yield from _doubt(name, getattr(contract, name), 0.0)


def _kind(contract: Contract) -> str:
    return contract.kind.best.value if contract.kind.best else ""


def _doubts(contract: Contract, group: Group, kind: str, threshold: float) -> Iterator[Doubt]:
    entries = {name: getattr(contract, name) for name in group}
    if any(_settled(entry, threshold) for entry in entries.values()):
        return
    held = {name: entry for name, entry in entries.items() if entry.best}
    if not held:
        # While pages are unread the missing field may stand there, and those pages wait already.
        if not contract.unread_pages:
            yield group[0], 0, f"no {' or '.join(map(_words, group))} found, which {_article(kind)} should have"
        return
    for name, entry in held.items():
        yield from _doubt(name, entry, threshold)


def _settled(entry: Entry[FieldValue], threshold: float) -> bool:
    best = entry.best
    return best is not None and best.doubt != NOT_ON_PAGE and best.confidence >= threshold and not entry.conflict


def _doubt(name: str, entry: Entry[FieldValue], threshold: float) -> Iterator[Doubt]:
    best = entry.values[0]
    if entry.conflict:
        for value in entry.values[:2]:
            yield name, value.evidence[0].page, f"{_words(name)} was read in two ways"
    elif best.doubt == NOT_ON_PAGE:
        yield name, best.evidence[0].page, f"{_words(name)} {NOT_ON_PAGE}"
    else:
        yield name, best.evidence[0].page, f"{_words(name)} is unsure ({best.confidence:.2f}, {threshold:.2f} needed)"


def _words(field: str) -> str:
    return field.replace("_", " ")


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" or kind == "nda" else f"a {kind}"
