"""What a reader should rely on: the record as the machine read it, with what people said of it laid over.

Pure functions. A person's word stands whatever the machine reads later, and is seen to be theirs: such a value is
`verified`, its extractor is `person: NAME`. What follows from a value that a person changed follows anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.corrections import Correction, Standing, value_key
from pipeline.derive import derive
from pipeline.ground import same_name
from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Amended, Contract
from schemas.fields import Entry, Evidence, FieldValue

__all__ = ["PERSON", "Said", "by_person", "effective", "replaced", "said"]

PERSON = "person"
NAMES = frozenset({"parties", "signatories"})


@dataclass(frozen=True, slots=True)
class Said:
    """One value of a field: what to rely on (None: nothing), what the machine reads now (None: it does not), and the
    correction in force (None: no person said anything)."""

    value: FieldValue | None
    machine: FieldValue | None
    correction: Correction | None = None

    @property
    def by(self) -> str:
        """Who says so: "machine", or the person's name."""
        return self.correction.who if self.correction else "machine"

    @property
    def verdict(self) -> str:
        """What the person said of it; "" while nobody said anything."""
        return self.correction.verdict if self.correction else ""


def by_person(value: FieldValue) -> bool:
    """Whether a person said that this is the value."""
    return value.extractor.partition(":")[0] == PERSON


def effective(contract: Contract, corrections: Standing) -> Contract:
    """The record to rely on. Without corrections it is the machine's; a computed expiration date is computed anew
    from what people said."""
    if not corrections:
        return contract
    told = said(contract, corrections)
    entries = {name: _entry(told[name]) for name in told}
    return replaced(contract, {name: entry for name, entry in entries.items() if entry is not None})


def replaced(contract: Contract, entries: Mapping[str, Entry[Any]]) -> Contract:
    """The record with these fields instead of its own; dates that were computed are computed anew from them."""
    return derive(_underived(contract, contract.model_copy(update=dict(entries))), ())


def said(contract: Contract, corrections: Standing) -> dict[str, tuple[Said, ...]]:
    """Each field's values with the word of machine and person side by side, best first; what the machine no longer
    reads and what only a person knows comes last."""
    return {name: tuple(_single(contract, name, corrections)) for name in SINGLE_FIELDS} | {
        name: tuple(_many(contract, name, corrections)) for name in LIST_FIELDS
    }


def _single(contract: Contract, name: str, corrections: Standing) -> Iterator[Said]:
    read: Sequence[FieldValue] = getattr(contract, name).values
    word = corrections.get((name, ""))
    if word is None:
        yield from (Said(value, value) for value in read)
        return
    meant = next((value for value in read if word.machine and _told(value) == _told(word.machine)), None)
    yield Said(_value(name, word), meant, word)
    yield from (Said(None, value) for value in read if value is not meant)


def _many(contract: Contract, name: str, corrections: Standing) -> Iterator[Said]:
    words = {key: word for (field, key), word in corrections.items() if field == name}
    none = words.get("")
    emptied = none is not None and none.verdict in {"absent", "unreadable"}
    for value in getattr(contract, name).values:
        word = words.pop(_key(name, value, words), None)
        kept = _value(name, word) if word else None if emptied else value
        yield Said(kept, value, word)
    yield from (Said(_value(name, word), None, word) for word in words.values())


def _key(name: str, value: FieldValue, words: Mapping[str, Correction]) -> str:
    """The key of the correction that is about this value: its own, or of a name that differs by an OCR slip only."""
    key = value_key(name, value)
    if key in words or name not in NAMES:
        return key
    alike = (k for k, word in words.items() if word.machine and same_name(_told(word.machine), _told(value)))
    return next(alike, key)


def _value(name: str, word: Correction) -> FieldValue | None:
    """What the person says the value is, with the machine's details and the passage they looked at."""
    if word.verdict not in {"accepted", "corrected"}:
        return None
    model: type[FieldValue] = LIST_FIELDS.get(name, Amended if name == "amends" else FieldValue)
    kept: dict[str, Any] = word.machine.model_dump() if word.machine else {}
    shown = tuple(each for each in word.machine.evidence if each.page == word.page) if word.machine else ()
    place = shown or ((Evidence(page=word.page, quote=""),) if word.page else ())
    said: dict[str, Any] = {"raw": word.raw, "value": word.value, "evidence": place, "status": "verified"}
    said |= {"confidence": 1.0, "extractor": f"{PERSON}: {word.who}", "doubt": "", "derived": ""}
    if name == "clauses":
        said["category"] = word.value
    return model(**kept | said)


def _entry(told: Sequence[Said]) -> Entry[Any] | None:
    """The field to rely on; None while no person said anything of it."""
    words = [each.correction for each in told if each.correction]
    if not words:
        return None
    values = tuple(each.value for each in told if each.value is not None)
    unreadable = any(word.verdict == "unreadable" for word in words)
    status = values[0].status if values else "unreadable" if unreadable else "absent"
    return Entry[Any](status=status, values=values)


def _underived(contract: Contract, changed: Contract) -> Contract:
    """The changed record without the machine's computed dates that rest on what a person changed."""
    for name, sources in (
        ("effective_date", ("agreement_date", "dates")),
        ("expiration_date", ("effective_date", "agreement_date", "term")),
    ):
        best = getattr(changed, name).best
        if best is None or not best.derived or all(getattr(contract, s) == getattr(changed, s) for s in sources):
            continue
        agreed = changed.agreement_date.best
        if name == "effective_date" and best.value == _best(contract.agreement_date) and agreed and agreed.value:
            how = f"“{best.raw}”, which is {agreed.value}"
            moved = best.model_copy(update={"value": agreed.value, "derived": how})
            entry = Entry[Any](status="unverified", values=(moved,))
        else:
            entry = Entry[Any]()
        changed = changed.model_copy(update={name: entry})
    return changed


def _best(entry: Entry[Any]) -> str:
    return entry.best.value if entry.best else ""


def _told(value: FieldValue) -> str:
    return value.value or value.raw
