"""Dates that a contract gives by pointing at another: "effective as of the date first above written"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.rules.view import PageView
from pipeline.types import Finding

__all__ = ["AGREEMENT_DATE", "LAST_SIGNATURE", "find_pointers"]

AGREEMENT_DATE, LAST_SIGNATURE = "agreement_date", "last_signature"
"""What a pointer can point at: the date the paper bears, or the latest beside a signature."""

BEGINS = (
    r"\b(?:effective(?:\sdate)?"
    r"|(?:agreement|lease|contract|amendment|term)\b[^.;]{0,60}?\b(?:commences?|(?:come|enter)s?\sinto\s(?:full\s)?(?:force|effect)"
    r"|takes?\seffect|begins?|starts?))\b"
    r"[\"')]*(?:\sof\sthis\s\w+)?(?:\s(?:means|shall\smean|is|shall\sbe|will\sbe))?(?:,?\s(?:as\sof|as\sfrom|on|upon|from|and|at))*\s"
)
FIRST = (
    r"the\s(?:day\s(?:and|,)\s(?:month\s(?:and|,)\s)?year|date|effective\sdate)\s(?:hereof|of\sthis\s[A-Z]\w+"
    r"|(?:first\s)?(?:herein)?above(?:\sfirst)?\s(?:written|mentioned|stated|set\sforth|specified)"
    r"|(?:first\s)?(?:written|mentioned|stated|set\sforth|specified|appearing)\s(?:(?:herein)?above|below|herein))"
)
LAST = (
    r"(?:the\s)?(?:date\s(?:of|on\swhich)\s|date\sthat\s)?(?:the\s)?(?:its\s)?(?:last|latest|later|final)\s(?:date\sof\s)?"
    r"(?:signature|(?:of\sthe\s(?:two\s)?)?part(?:y|ies)[^.;]{0,30}\b(?:signs?|signed|executes?|signature)\b)"
    r"|(?:the\s)?(?:date\sof\s)?(?:its\s)?(?:execution|signature|signing)\sby\s(?:both|all|each)\b"
)
POINTERS = (
    (re.compile(rf"{BEGINS}({FIRST})", re.I), AGREEMENT_DATE),
    (re.compile(rf"{BEGINS}({LAST})", re.I), LAST_SIGNATURE),
)


def find_pointers(view: PageView) -> Iterator[Finding]:
    """Effective dates without a date of their own: `detail["points_to"]` says where it stands."""
    for pattern, target in POINTERS:
        for match in pattern.finditer(view.text):
            yield view.finding("effective_date", match.span(1), "", 0.65, points_to=target)
