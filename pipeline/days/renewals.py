"""When a contract's term ends and how it renews, read from the record to rely on; or in words why nobody can say.

Nothing is guessed: whether a contract renews by itself, how often, and what a notice is for, is taken from the
passages that prove the values. Of several readings the one is taken that makes somebody act earliest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pipeline.days.lengths import Length, length_of
from pipeline.derive import LEAST, OPEN
from pipeline.normalise import number
from pipeline.report import clip
from schemas.contract import Contract
from schemas.fields import Entry, Evidence, FieldValue

__all__ = ["AT_WILL", "Ending", "Notice", "Renewal", "ending_of", "notice_of", "renewal_of"]

AT_WILL = frozenset({"perpetual", "at will"})
"""What a term may be instead of a length of time."""

How = Literal["by itself", "by choice", "unclear"]
QUOTED = 90  # characters of a passage in a sentence about it

UNTIL_ENDED = re.compile(
    r"\buntil (?:it is |such time as |earlier )?(?:terminated|cancel+ed|ended)|\bperpetual|\bindefinite|\bat[- ]will\b"
    r"|\bin perpetuity|\bno fixed (?:term|duration)",
    re.I,
)
BY_ITSELF = re.compile(
    r"\bautomatic\w*|\brenews\b|\b(?:shall|will) (?:thereafter )?(?:be )?(?:deemed )?(?:renew|extend)"
    r"|\b(year|month)[- ]to[- ]\1\b|\bevergreen",
    re.I,
)
BY_CHOICE = re.compile(
    r"\bmay\b|\boption\w*|\bmutual\w*|\b(?:written|further) (?:agreement|consent)|\belect\w*|\bright to\b", re.I
)
SO_OFTEN = re.compile(
    r"\b(?:(?P<count>[a-z]+|\d{1,2})\s?(?:\(\s?(?P<digits>\d{1,2})\s?\)\s?)?)?"
    r"(?P<word>additional|successive|consecutive|further|subsequent|renewal)\s"
    r"(?:(?!terms?\b|periods?\b)[\w()-]+\s){0,5}?(?P<noun>terms?|periods?)\b",
    re.I,
)
RENEWING = re.compile(r"\b(?:non-?)?renew|\bextend|\bextension|\bend of the (?:then|term|initial)|\bexpir", re.I)


@dataclass(frozen=True, slots=True)
class Ending:
    """The last day of the (first) term and how that is known; `day` is None where it is not, and `how` says why."""

    day: date | None
    how: str
    values: tuple[FieldValue, ...] = ()
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Renewal:
    """A renewal for `text` ("1 year") at a time; `most` is how often, None for without end or untold."""

    text: str
    length: Length
    how: How
    most: int | None
    value: FieldValue


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice of `text` ("60 days"); `length` is None where that is no number of days. `for_renewal`: its passage
    speaks of the end of the term, not of ending the contract at any time."""

    text: str
    length: Length | None
    for_renewal: bool
    value: FieldValue
    conflict: bool = False


def ending_of(contract: Contract) -> Ending | None:
    """When the term ends, or why that is not known; None where nothing at all was read of term and expiry."""
    return _expiration(contract) or _term(contract) or _until_ended(contract)


def _expiration(contract: Contract) -> Ending | None:
    entry = contract.expiration_date
    if entry.best is None:
        unread = entry.status == "unreadable" and not contract.term.values
        return Ending(None, "the expiration date could not be read") if unread else None
    days = sorted({value.value for value in _rivals(entry) if value.value})
    if not days:
        why = f"the expiration date reads “{clip(entry.best.raw, QUOTED)}”, which is no full date"
        return Ending(None, why, (entry.best,))
    if entry.conflict:
        how = f"the expiration date was read as {' and as '.join(days)}; the earliest is taken"
        return Ending(date.fromisoformat(days[0]), how, tuple(_rivals(entry)), conflict=True)
    computed = f" (computed from {entry.best.derived}, the first day not counted)" if entry.best.derived else ""
    return Ending(date.fromisoformat(days[0]), f"expires {days[0]}{computed}", (entry.best,))


def _term(contract: Contract) -> Ending | None:
    """Why a term has no end although it was read: `pipeline.derive` computes the others."""
    term = contract.term.best
    return Ending(None, _no_end(contract, term), (term,), contract.term.conflict) if term else None


def _no_end(contract: Contract, term: FieldValue) -> str:
    said = term.value or clip(term.raw, QUOTED)
    opened = OPEN.search(term.evidence[0].quote) if term.evidence else None
    if term.value in AT_WILL:
        return f"the term is {term.value}: it runs until it is ended"
    if contract.term.conflict:
        read = sorted({value.value or clip(value.raw, QUOTED) for value in contract.term.values})
        return f"the term was read as {' and as '.join(read)}"
    if opened:
        return f"a term of {said} whose end the passage leaves open (“{opened[0]}”)"
    if length_of(term.value) is None:
        return f"a term of {said}, which is no length of time that can be counted"
    if term.confidence < LEAST:
        return f"a term of {said}, read too unsurely to count with ({term.confidence:.2f})"
    return f"a term of {said} from an effective date {_start(contract.effective_date)}"


def _start(entry: Entry[FieldValue]) -> str:
    if entry.conflict:
        return "that was read in several ways"
    if entry.best:
        return f"that reads “{clip(entry.best.raw, QUOTED)}”"
    return "that could not be read" if entry.status == "unreadable" else "that was not read"


def _until_ended(contract: Contract) -> Ending | None:
    entries: Sequence[Entry[Any]] = (contract.renewal_term, contract.notice_period, contract.clauses)
    for value in (value for entry in entries for value in entry.values):
        for quote in (each.quote for each in value.evidence):
            if found := UNTIL_ENDED.search(quote):
                words = clip(quote[max(0, found.start() - QUOTED // 2) :], QUOTED)
                return Ending(None, f"no end was found, and a passage says “…{words}”", (value,))
    return None


def renewal_of(contract: Contract) -> Renewal | None:
    """How the contract renews; None where no renewal was read, or for no length that can be counted."""
    value = contract.renewal_term.best
    length = length_of(value.value) if value else None
    if value is None or length is None:
        return None
    quote = " ".join(each.quote for each in value.evidence)
    by_itself = BY_ITSELF.search(quote)
    before = quote.lower().partition("unless")[0]  # what may be done after it is to stop the renewal
    by_choice = BY_CHOICE.search(before) and "automatic" not in before
    how: How = "by choice" if by_choice else "by itself" if by_itself else "unclear"
    return Renewal(value.value, length, how, _most(quote), value)


def _most(quote: str) -> int | None:
    """How often a passage lets the term renew: "two additional terms" 2, "an additional term" 1, None without end."""
    found = SO_OFTEN.search(quote)
    if found is None:
        return None
    count = int(found["digits"]) if found["digits"] else _counted(found["count"] or "")
    if count is not None:
        return count
    single = not found["noun"].lower().endswith("s") and found["word"].lower() not in {"successive", "consecutive"}
    return 1 if single and (found["count"] or "").lower() in {"a", "an"} else None


def _counted(word: str) -> int | None:
    return int(word) if word.isdigit() else number(word) if word.lower() not in {"a", "an"} else None


def notice_of(contract: Contract) -> Notice | None:
    """What notice ends the contract; of several lengths that were read, the longest."""
    entry = contract.notice_period
    if entry.best is None:
        return None
    rivals = [(length, value) for value in _rivals(entry) if (length := length_of(value.value))]
    length, value = max(rivals, key=lambda pair: _roughly(pair[0])) if rivals else (None, entry.best)
    quotes: list[Evidence] = list(value.evidence)
    for_renewal = any(RENEWING.search(each.quote) for each in quotes)
    return Notice(value.value or clip(value.raw, QUOTED), length, for_renewal, value, entry.conflict)


def _rivals(entry: Entry[FieldValue]) -> Sequence[FieldValue]:
    """The values that stand against each other; the best alone where none does."""
    if not entry.conflict:
        return entry.values[:1]
    best = entry.values[0]
    return [value for value in entry.values if value.status == best.status]


def _roughly(length: Length) -> float:
    return length.months * 30.4 + length.days * (1.4 if length.business else 1)
