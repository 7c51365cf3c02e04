"""The contract that an amendment, addendum, side letter or renewal changes: its title, its date, its number."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.rules.dates import date_spans
from pipeline.rules.view import PageView
from pipeline.types import Finding

__all__ = ["find_amended"]

REGION = 6000
"""Characters of the opening page in which an amendment says what it amends."""

PAPER = (
    r"(?:Agreement|AGREEMENT|Lease|LEASE|Sublease|Contract|CONTRACT|Order|ORDER|License|Note|Deed|Statement of Work)"
)
TITLE = (
    rf"((?=[A-Z])(?:[A-Z][\w&/'-]*,?\s+|(?:and|of|to|for|the|No\.)\s+|\d+\s+){{0,8}}"
    rf"{PAPER}(?:\s(?:No\.?|#)\s?[\w-]{{2,20}})?)\b"
)
CHANGING = re.compile(
    r"\b(?:amend(?:s|ed|ing)?|modif(?:y|ies|ied|ying)|supplement(?:s|ed|ing)?|renew(?:s|ed|ing)?|extend(?:s|ed|ing)?"
    r"|restat(?:es?|ed|ing)|terminat(?:es?|ed|ing)|reinstat(?:es?|ed|ing))\b[^.;]{0,160}?"
    rf"\b(?:that\scertain|the|their|its|our|your)\s(?i:(?:existing|original|prior|parties'?|above-?\s?referenced)\s)?{TITLE}"
)
"""A verb that changes, and the paper it changes."""

ITSELF = re.compile(
    r"\b[Tt](?:his|HIS)\s(?:\w+\s){0,3}?(?:Amendment|AMENDMENT|Addendum|ADDENDUM|Side Letter|SIDE LETTER"
    r"|Supplement|SUPPLEMENT|Renewal|RENEWAL|Extension|EXTENSION|Modification|MODIFICATION|Change Order|CHANGE ORDER)\b"
)
"""How a paper that changes another speaks of itself."""

NAMED = re.compile(
    rf"\b(?:that\scertain|the|their|our|your|to|To|TO)\s{TITLE}(?=[^.;]{{0,80}}?\b(?:dated|made|entered|effective|No\.))"
)
OF_ITSELF = re.compile(r"\b(?:Amendment|Addendum|Side Letter|Supplement|Renewal|Extension)\b", re.I)
DETAILS = 260
"""Characters after the title in which its date and number stand."""

DATED = re.compile(r"\b(?:dated|made|entered\sinto|effective|executed|date)\b[\s\w:,]{0,25}$", re.I)
NUMBER = re.compile(r"\b(?:No\.?|Number|#|Nr\.?)\s?:?\s?((?=[\w/-]*\d)[A-Z0-9][\w/-]{2,24})")


def find_amended(view: PageView) -> Iterator[Finding]:
    """What the opening page of a paper says that it changes: what a verb names first, else what is dated first."""
    text = view.text[:REGION]
    changed = (match for match in CHANGING.finditer(text) if not OF_ITSELF.search(match[1]))
    named = (
        (match for match in NAMED.finditer(text) if not OF_ITSELF.search(match[1])) if ITSELF.search(text) else iter(())
    )
    for pattern, confidence in ((changed, 0.75), (named, 0.65)):
        if match := next(pattern, None):
            yield _finding(view, match, confidence)
            return


def _finding(view: PageView, match: re.Match[str], confidence: float) -> Finding:
    """The paper's title, with the date and number that follow it in the sentence."""
    title = " ".join(match[1].split())
    end = min(match.end(1) + DETAILS, view.sentence(match.end(1))[1])
    number = NUMBER.search(view.text, match.start(1), end)
    detail = {"date": _date(view.text[match.end(1) : end]), "number": number[1].upper() if number else ""}
    return view.finding("amends", match.span(1), title, confidence, **detail)


def _date(following: str) -> str:
    """The date that the words after a title give it, in ISO form, or ""."""
    dates = ((span, value) for span, value in date_spans(following) if DATED.search(following[: span[0]]))
    return next((value for _, value in dates), "")
