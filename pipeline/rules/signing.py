"""Parties from signature blocks: the second place where a contract names them, and the only one in some letters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.ground import fold, same_name
from pipeline.rules.parties import COMPANY, PERSON, plausible
from pipeline.rules.view import PageView, Span
from pipeline.types import Finding

__all__ = ["agree", "signing_parties"]

BLOCK = re.compile(
    r"\b(?:IN WITNESS|In [Ww]itness|WITNESS WHEREOF|AGREED AND ACCEPTED|Agreed and Accepted|ACCEPTED AND AGREED"
    r"|Accepted and [Aa]greed|Agreed to and accepted|[Vv]ery truly yours|Sincerely|have (?:signed|executed)"
    r"|(?:has|have) caused this)\b|/[sS]/|\b(?:By|BY|Signature|SIGNATURE)\s?:",
)
SIGNS = re.compile(r"(?:By|BY|Name|Signed|Signature|Per|Authori[sz]ed|Print(?:ed)?|Its|Title|Date)\b|/[sS]/|_{4,}|X\b")
HEADED = re.compile(r"\b(?:FOR|For|on behalf of)\s|[A-Z][\w ]{2,20}:\s")
INDIVIDUAL = re.compile(
    r"(?:EMPLOYEE|EXECUTIVE|CONSULTANT|DIRECTOR|INDEMNITEE|OFFICER|CONTRACTOR|INDIVIDUAL(?:LY)?|Employee|Executive"
    r"|Consultant|Director|Indemnitee|Officer|Contractor|Individual(?:ly)?)(?:'?s)?(?:\s(?:Signature|Name|NAME))?\W*"
    r"|Name of (?:Employee|Executive|Consultant).{0,30}"
)
BEFORE_NAME = re.compile(r"(?:/[sS]/|(?:By|BY|Name|(?:Print(?:ed)?|Typed)(?: [Nn]ame)?)\s?:)\s?")
LABELS = re.compile(
    r"\b(?:Name|NAME|Print(?:ed)?|Signature|SIGNATURE|Date|DATE|Title|Address|Witness|WITNESS|Company|COMPANY"
    r"|President|Officer|Director|Manager|Secretary|Chief|Chairman|Page|Exhibit|Agreement|Employer|Plan)\b"
)
BELOW = 4
"""Lines under a company's name in which somebody signs for it."""

DOUBT_LEFT = 0.4
"""Share of the doubt that is left when the signature block and the opening words name the same party."""


def signing_parties(view: PageView) -> list[Finding]:
    """Who signs by this page: companies above a signature, and a person who signs as employee or the like."""
    block = BLOCK.search(view.text)
    if block is None:
        return []
    first = next((i for i, line in enumerate(view.lines) if line[1] > block.start()), 0)
    lines = view.lines[max(0, first - 1) :]
    found = [*_companies(view, lines), *_persons(view, lines)]
    return [view.finding("parties", span, " ".join(view.text[slice(*span)].split()), 0.55) for span in found]


def _companies(view: PageView, lines: Sequence[Span]) -> Iterator[Span]:
    """Companies that have their line to themselves, with somebody signing below."""
    for index, (start, end) in enumerate(lines):
        below = lines[index + 1 : index + 1 + BELOW]
        if not any(SIGNS.match(view.text, *line) for line in below):
            continue
        head = HEADED.match(view.text, start, end)
        name = COMPANY.match(view.text, head.end() if head else start, end)
        if name and plausible(name[0]) and end - name.end() <= 2 and not _continues(view, lines[:index]):
            yield name.span()


def _continues(view: PageView, above: Sequence[Span]) -> bool:
    """Whether the line goes on from "By:" or from prose: a general partner, or the end of a sentence."""
    before = view.text[slice(*above[-1])].rstrip() if above else ""
    return before.endswith(("By:", "BY:")) or bool(re.search(r"[a-z,]\s?(?:by|of|with|and|to|the|between)$", before))


def _persons(view: PageView, lines: Sequence[Span]) -> Iterator[Span]:
    """Who signs under a label that only a person has ("EMPLOYEE:"): the name right above it, or else below."""
    for index, line in enumerate(lines):
        if not INDIVIDUAL.fullmatch(view.text, *line):
            continue
        near = [*lines[max(0, index - 1) : index], *lines[index + 1 : index + 1 + BELOW]]
        if span := next(filter(None, (_person(view, *other) for other in near)), None):
            yield span
            return


def _person(view: PageView, start: int, end: int) -> Span | None:
    """The person who has this line, but for a label before the name."""
    label = BEFORE_NAME.match(view.text, start, end)
    name = PERSON.match(view.text, label.end() if label else start, end)
    return name.span() if name and end - name.end() <= 1 and not LABELS.search(name[0]) else None


def agree(introduced: Sequence[Finding], signing: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Both lists with the confidence raised of what the other confirms; what only a signature block names is
    kept where the opening words name fewer than two parties."""
    confirmed = [_raised(one, signing) for one in introduced]
    seconds = [_raised(one, introduced) for one in signing]
    names = [fold(one.value) for one in introduced]
    few = all(same_name(one.value, introduced[0].value) for one in introduced)
    return confirmed, [
        new
        for old, new in zip(signing, seconds, strict=True)
        if new is not old or (few and not any(fold(old.value) in name for name in names))
    ]


def _raised(one: Finding, others: Sequence[Finding]) -> Finding:
    """The finding, surer when another place names the same party."""
    same = any(same_name(one.value, other.value) for other in others)
    return replace(one, confidence=round(1 - (1 - one.confidence) * DOUBT_LEFT, 3)) if same else one
