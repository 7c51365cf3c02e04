"""The languages that pages are in, read from `texts`: sentences, headings, titles and labels, worded for this project.

A file's first line is Faker's locale and letters that a font must have; `[name]` heads the texts of that use, one a
line. Slots in braces are filled by `matter`. A language without a file is filled with Faker's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ENGLISH", "KINDS", "OTHERS", "TERMS", "TONGUES", "Tongue"]

TEXTS = Path(__file__).with_name("texts")
KINDS = ("agreement", "amendment", "order", "invoice", "letter", "form", "schedule", "report", "other")
# The labels that layouts print, in the order in which the files have them under [terms].
TERMS = (
    "By", "Name", "Title", "Date", "Address", "City", "Telephone", "Amount", "Number", "Subject", "To", "From",
    "Company", "Signature", "Description", "Quantity", "Unit Price", "Total", "Invoice No.", "Bill to", "Due",
    "Subtotal", "Tax", "Order No.", "Contact", "Code", "Rate", "Status", "Region", "Start", "End", "Remarks",
    "Yes", "No",
    "Table of Contents", "Dear Sir or Madam", "Sincerely", "Witness", "Page",
)  # fmt: skip
THINGS = ("{noun}", "{noun} {n}", "{noun}, {noun}", "{noun} {adj}")
NOTES = ("{date}", "{noun} ?", "{n}", "{noun} {noun}")


@dataclass(frozen=True, eq=False, slots=True)
class Tongue:
    """A language: triage's `label` for it, Faker's `locale`, a `sample` of the letters a font must have, how dates are
    written (strftime; `months` replaces English names), and texts by what they are for; `cities` where Faker has none
    in the script. `prose` is no business paper, `agreed` are letters that make an agreement; both may be empty."""

    label: str
    locale: str
    sample: str = ""
    dates: tuple[str, ...] = ("%d.%m.%Y", "%d/%m/%Y")
    months: tuple[str, ...] = ()
    titles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    roles: tuple[tuple[str, str], ...] = ()
    headings: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    amending: tuple[str, ...] = ()
    clauses: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    wills: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()
    court: tuple[str, ...] = ()
    agreed: tuple[str, ...] = ()
    exhibits: tuple[str, ...] = ()
    notes: tuple[str, ...] = NOTES
    things: tuple[str, ...] = THINGS
    terms: Mapping[str, str] = field(default_factory=dict)
    cities: tuple[str, ...] = ()

    @property
    def latin(self) -> bool:
        """Whether fonts of Latin letters can write it."""
        return not self.sample or max(map(ord, self.sample)) < ord("Ͱ")

    def say(self, term: str) -> str:
        """The label in this language; English where the language has none."""
        return self.terms.get(term, term)


def _read(label: str) -> Tongue:
    locale, texts = _sections(TEXTS / f"{label}.txt")
    name, _, sample = locale.partition(" ")
    titles = {kind: texts.pop(kind, ("",)) for kind in KINDS}
    roles = tuple(
        (first.strip(), second.strip()) for first, _, second in (pair.partition("|") for pair in texts.pop("roles"))
    )
    terms = dict(zip(TERMS, texts.pop("terms"), strict=True)) if "terms" in texts else {}
    return Tongue(label, name, sample, titles=titles, roles=roles, terms=terms, **texts)


def _sections(file: Path) -> tuple[str, dict[str, tuple[str, ...]]]:
    first, *parts = file.read_text("utf-8").split("\n[")
    found = {}
    for part in parts:
        name, _, text = part.partition("]\n")
        found[name] = tuple(line for line in text.split("\n") if line)
    return first.removeprefix("#").strip(), found


ENGLISH = _read("en")
TONGUES = tuple(map(_read, ("de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ar")))
# Languages that triage has no name for: Faker's words and nothing of ours.
OTHERS = tuple(
    Tongue("other", locale, sample)
    for locale, sample in (
        ("pl_PL", "ąćęłńóśźż"), ("cs_CZ", "áčďéěíňřšťůž"), ("da_DK", "æøå"), ("el_GR", "αβγδλξψωέίό"), ("la", ""),
        ("uk_UA", "ієїґщжя"),
    )
)  # fmt: skip
