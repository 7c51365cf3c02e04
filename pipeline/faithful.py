"""What a model said beyond what the page bears is taken away: a true quote proves only what stands in it.

Grounding is tolerant of what two reads of one ink may differ in. A model that is led by the page uses that room: one
letter of a name, a "k" behind a sum, a role, a deadline or a summary of its own under a quote that is genuine. So
where OCR was sure of a word, a value must be that word; and what describes a value must be the page's own words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from num2words import num2words
from rapidfuzz.distance import Levenshtein

from pipeline.ground import WHOLE, Haystack, stands_in
from pipeline.types import FieldStatus, Finding, PageText, Word

__all__ = ["faithful"]

SURE = 0.9
"""OCR confidence from which a word is what stands there: clean scans have 0.91 and more, words of a text layer 1."""

OWN_WORDS = ("role", "label", "who", "what", "by_when", "purpose")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
NUMERAL = re.compile(r"\b[IVX]+\b")  # OCR is never sure of them, and "Fund II" is not "Fund III"
LARGEST = 10_000  # written in words


def faithful(findings: Iterable[Finding], texts: Mapping[int, PageText]) -> list[Finding]:
    """The grounded findings as far as the words of their pages (by number) bear them: a value that differs from words
    OCR was sure of is `unverified`, details that are not the page's own words and summaries with other numbers go."""
    haystacks: dict[int, Haystack] = {}
    borne = []
    for finding in findings:
        text = texts[finding.page]
        if finding.page not in haystacks:
            haystacks[finding.page] = Haystack(text.words)
        borne.append(_borne(finding, haystacks[finding.page], text))
    return borne


def _borne(finding: Finding, haystack: Haystack, text: PageText) -> Finding:
    detail = {name: said for name, said in finding.detail.items() if _own(finding.field, name, said, text.text)}
    kept = replace(finding, raw=_printable(finding.raw), quote=_printable(finding.quote), detail=detail)
    place = haystack.locate(finding.quote)
    if finding.status is not FieldStatus.VERIFIED or place is None:
        return kept
    said = finding.quote if WHOLE in finding.detail else finding.raw  # of a passage over a page break, this page's part
    true = _as_read(said, text.words[place.start : place.end])
    return kept if true else replace(kept, status=FieldStatus.UNVERIFIED)


def _own(field: str, name: str, said: str, page: str) -> bool:
    """Whether a detail may stay. What a date is for is one of our own words; all else is the page's."""
    if name == "summary":
        return all(_number_stands(number, page) for number in NUMBER.findall(said))
    return name not in OWN_WORDS or field == "dates" or stands_in(said, page)


def _number_stands(number: str, page: str) -> bool:
    if stands_in(number, page, exact=True):
        return True
    return number.isdigit() and int(number) < LARGEST and stands_in(num2words(int(number)), page)


def _as_read(raw: str, words: Sequence[Word]) -> bool:
    """Whether the value is what OCR read, but for letters of words it was not sure of.

    What stands around the value in its first and last word is no difference: "12,500.00" in "USD12,500.00,".
    """
    match = Haystack(words).locate(raw)
    if match is None:
        return False
    seen = words[match.start : match.end]
    if NUMERAL.findall(raw) != NUMERAL.findall(" ".join(word.text for word in seen)):
        return False
    ends = list(accumulate(len(_letters(word.text)) for word in seen))
    said, read = _letters(raw), "".join(_letters(word.text) for word in seen)
    for change in Levenshtein.opcodes(said, read):
        outside = change.tag == "insert" and change.src_start in (0, len(said))
        if change.tag == "equal" or outside:
            continue
        first, past = change.dest_start, max(change.dest_end, change.dest_start + 1)
        spans = zip(seen, [0, *ends], ends, strict=False)
        touched = [word for word, begin, end in spans if begin < past and end > first]
        if any(word.confidence >= SURE for word in touched or seen[-1:]):
            return False
    return True


def _letters(text: str) -> str:
    """Letters and digits in lower case, without accents: unlike `fold`, a zero is no O."""
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


def _printable(text: str) -> str:
    """Without characters that turn, join or hide what a person is shown."""
    return "".join(c for c in text if unicodedata.category(c)[0] != "C" or c.isspace())
