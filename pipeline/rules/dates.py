"""Dates: regular expressions find them, the words around tell what each one is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.normalise import iso_date
from pipeline.rules.view import PageView, Span
from pipeline.types import Finding

__all__ = ["date_spans", "find_dates"]

D = r"[\dOoIl|]"
MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
ORDINAL = (
    r"(?:(?:twenty|thirty)?-?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|tenth|eleventh|twelfth"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teenth|twentieth|thirtieth)"
)
RAISED = r"(?:\s?(?:st|nd|rd|th)|[\"'°*™%]{1,2})"
"""What follows the day of a month; OCR reads the raised letters as marks."""

DAY = rf"(?:{D}{{1,2}}{RAISED}?|{ORDINAL})"
YEAR = rf"(?:{D}{{4}}|'\d\d)"
DATE = re.compile(
    rf"(?<![\w/])(?:{MONTH}\s?{DAY}\s?[,;.]?\s{{0,2}}{YEAR}"
    rf"|{DAY}(?:\s+day)?(?:\s+of)?\s+{MONTH}\s?,?(?:\s+in\s+the\s+year)?\s{{0,2}}(?:of\s+)?{YEAR}"
    rf"|{D}{{1,2}}([/.-]){D}{{1,2}}\1(?:{D}{{4}}|{D}{{2}})"
    rf"|(?:19|20)\d\d-\d\d-\d\d)(?![\w/]|-\d)",
    re.IGNORECASE,
)

NEAR = r"[a-z ,]{0,45}[\s\"'(,:]*(?:[Tt]he\s|[Tt]his\s)?$"
NAMED = r"^[\s,]{0,2}(?=[^\w]{0,4}[(\"'?])\W{0,4}(?:the|this|such)?\s?\W{0,2}"
EFFECTIVE_AFTER = re.compile(rf"{NAMED}(?:Effective|Commencement) Date", re.I)
EXPIRES_AFTER = re.compile(rf"{NAMED}(?:Expiration|Termination|Expiry|End) Date", re.I)
EFFECTIVE_LABEL = re.compile(
    r"\b(?:Effective|Commencement|Start) Date\W{0,3}"
    r"(?:\s*$|(?:means|shall mean|is|shall be)\b(?:[^.;]|\bi\.e\.|\bNo\.){0,90}$)",
    re.I,
)
ENDING_THEN = re.compile(
    r"\b(?:terminate|terminating|termination|cancel|cancell?ation|withdraw\w*|rescind\w*|cease|resign\w*)\b[^.;]*$",
    re.I,
)
"""Before "effective": what takes effect then is an end ("may terminate this Lease effective ...")."""
EFFECTIVE = re.compile(
    r"(?:\beffective\b(?: date)?(?: of this \w+)?(?:[\"']* (?:means|shall mean|is|shall be))?"
    r"|\bcommenc\w+(?: date)?|(?:in|into|takes?) (?:force|effect)"
    r"|\bbeginning\b"
    rf"|term (?:starts|begins)|start date|commencement date){NEAR}",
    re.I,
)
AGREED = re.compile(
    r"\b(?i:made|entered|executed|agreed|accepted|concluded|issued|signed)\b(?: in [A-Z][\w ,.]{0,40})?"
    r"(?i:[a-z ,]{0,45}\b(?:of|at|on|this|effective|dated),?)[\s\"'(]*(?i:the\s|this\s)?$"
    r"|\b(?i:dated|issued)(?i: and effective)?(?i:,? (?:as of|as at|this|on|of))?[\s\"'(,:]*(?i:the\s|this\s)?$"
    r"|\b(?i:(?:agreement|contract|lease|invoice|order|issue|p\.?o\.?|bill|document) date"
    r"|date of (?:this )?(?:agreement"
    r"|contract|lease|amendment|order|invoice|issue)|date issued)\s?:?\s*$"
)
AS_OF = re.compile(r"\b(?:as of|effective(?: date)?)\W*(?:the\s)?$", re.I)
EXECUTED = re.compile(
    rf"\b(?:executed|signed|entered into|AGREED AND ACCEPTED|Agreed and Accepted"
    rf"|IN WITNESS WHEREOF)\b[^.;]{{0,90}}(?i:{NEAR})"
)
LABEL = re.compile(r"(?:^|\s)dated?\s?:\s*$", re.I)
EXPIRES = re.compile(
    r"(?:\bexpir\w+(?: date)?|\bterminat\w+(?: date)?(?: on| as of|:)|\buntil|\bthrough|\bend(?:s"
    r"|ing)?(?: date)?(?: on|:)"
    r"|remain in (?:full )?(?:force|effect) (?:until|through|to)|no later than)"
    r"[\s,]*(?:midnight|(?:the )?close of business|is|shall be|on|as of)?[\s:]*(?: on| of)?[\s\"'(]*(?:the\s)?$",
    re.I,
)
EXPIRY_LABEL = re.compile(r"\b(?:Expiration|Expiry|Termination|End)(?: Date)?\s?:?\s*$", re.I)
LASTING = re.compile(r"\b(?:agreement|lease|sublease|contract|license|amendment|term|engagement|obligations?)\b", re.I)
"""What must be said to last until a date, in its sentence, for the date to be this paper's last day."""

EXPIRING = re.compile(r"\b(?:expir|terminat)\w+|\b(?:force|effect)\b", re.I)
"""What a sentence without a subject ("shall expire on ...") says of contracts more than of other things."""

OTHER_LASTING = re.compile(
    r"\b(?:commission|polic(?:y|ies)|coverage|offer|quot(?:e|ation)|rates?|fees?|rents?|prices?|paid)"
    r"\b(?:\s(?!agreement|lease|term|contract)[\w'-]+){0,4}[\s:]*$",
    re.I,
)
"""What else expires or lasts until a date, in the last words before it: a notary's commission, a price."""

PAST = re.compile(r"\b(?:after|before|prior to|until|by)\W*$", re.I)
REPLACED = re.compile(r"^[\s\"',.]*(?:is|are)\s(?:hereby\s)?(?:deleted|replaced|struck|removed)", re.I)
VAGUE = re.compile(r"\bbeginning\b[^.;]*$", re.I)
DEADLINE = re.compile(r"\b(?:by|before|until|than|to)\s*$", re.I)
DUE = re.compile(r"(?:due(?: date)?(?: on| by)?|pay(?:able|ment)? (?:on|by|before)|pay by)\s?:?\s*$", re.I)
OTHER_PAPER = re.compile(
    r"(?:that certain|the (?:original|existing|master|prior|above)|pursuant to|under (?:the|that)|amend(?:s|ed|ing)?"
    r"|supplement(?:s|ed|ing)?"
    r"|(?:have|has|had) (?:previously |heretofore )?(?:entered into|executed|made) (?:an?|the|that)"
    r"|in accordance with|refer\w* to|attached to|part of|incorporated)\b[^.;]{0,140}$",
    re.I,
)
THIS_PAPER = re.compile(r"\bthis\s(?:[\w-]+\s){0,6}(?:agreement|lease|amendment|contract|addendum|order)\b", re.I)
NAMED_PAPER = re.compile(
    r"\b(?:Agreement|Lease|Contract|Order|Amendment|Letter)\b(?:[^.;]|No\.){0,60}\bdated[a-z ]*$", re.I
)
SIGNING = re.compile(r"\b(?:By|Name|Title|Signature|Signed)\s?:|/s/|\bSignature\b|_{3,}", re.I)
MAX_LINE = 300
"""Characters of a printed line that are looked through for a label of its date."""

HEAD = 700
"""Characters of the opening page in which a date that stands alone is the document's."""


def date_spans(text: str) -> Iterator[tuple[Span, str]]:
    """Every complete date in the text with its ISO form."""
    for match in DATE.finditer(text):
        if _possible(match[0]) and (value := iso_date(match[0])):
            yield match.span(), value


def _possible(text: str) -> bool:
    """Whether a date in digits has a day and a month where they belong: "1/70/25" is a misreading."""
    parts = [int(part) for part in re.findall(r"\d+", text)] if re.fullmatch(r"[\d/.-]+", text) else []
    return len(parts) != 3 or parts[0] > 31 or (max(parts[:2]) <= 31 and min(parts[:2]) <= 12)


def find_dates(view: PageView, *, opening: bool) -> Iterator[Finding]:
    """All dates of a page; `opening` says that the document introduces itself on this page."""
    signed: list[Finding] = []
    for span, value in date_spans(view.text):
        before = view.text[max(0, span[0] - 160) : span[0]]
        roles = dict(_roles(view, span, before, opening=opening))
        for field, confidence in roles.items():
            yield view.finding(field, span, value, confidence)
        if not roles:
            other = _other(view, span, value, before)
            signed += [other] if other.detail.get("purpose") == "signature" else []
            yield other
    yield from _last_signed(signed)


def _roles(view: PageView, span: Span, before: str, *, opening: bool) -> Iterator[tuple[str, float]]:
    """(field, confidence) for each thing the date is."""
    after = view.text[span[1] : span[1] + 60]
    preamble = opening and span[0] < 3000
    this = list(THIS_PAPER.finditer(before))
    other = OTHER_PAPER.search(before, this[-1].end() if this else 0) is not None
    if REPLACED.match(after):
        return
    named = EFFECTIVE_AFTER.match(after) or EFFECTIVE_LABEL.search(before)
    if named or (_begins(before) and not other):
        yield "effective_date", 0.85 if preamble else 0.75 if named else 0.5 if VAGUE.search(before) else 0.6
    if confidence := _agreed(view, span, before, preamble=preamble, other=other):
        yield "agreement_date", confidence
    if EXPIRES_AFTER.match(after) or EXPIRY_LABEL.search(before):
        yield "expiration_date", 0.7
    elif EXPIRES.search(before):
        said = view.text[view.sentence(span[0])[0] : span[0]]
        if not OTHER_LASTING.search(said) and (confidence := _lasting(said)):
            yield "expiration_date", confidence


def _lasting(said: str) -> float:
    """How surely the contract lasts until the date that these words of its sentence lead to; 0 if nothing says so."""
    return 0.65 if LASTING.search(said) else 0.45 if EXPIRING.search(said) else 0.0


def _begins(before: str) -> bool:
    """Whether something but an end takes effect on the date after these words."""
    found = EFFECTIVE.search(before)
    if found is None or EXPIRES.search(before) or PAST.search(before):
        return False
    return ENDING_THEN.search(before[: found.start()]) is None


def _agreed(view: PageView, span: Span, before: str, *, preamble: bool, other: bool) -> float:
    """How surely this is the date of the document; 0 if it isn't."""
    signing = SIGNING.search(before[-70:]) is not None
    this = max((match.end() for match in THIS_PAPER.finditer(before)), default=0)
    if DUE.search(before) or DEADLINE.search(before) or EFFECTIVE_LABEL.search(before):
        return 0.0
    if preamble and not signing and AGREED.search(before) and not other:
        return 0.45 if NAMED_PAPER.search(before, this) else 0.85
    if preamble and not signing and (LABEL.search(before) or (span[0] < HEAD and _alone(view, span))):
        return 0.6
    if preamble and span[0] < HEAD and AS_OF.search(before) and not other:
        return 0.5
    return 0.55 if EXECUTED.search(before) and not other and not signing else 0.0


def _alone(view: PageView, span: Span) -> bool:
    """Whether the date is the page's first and has its line to itself, but for a place or so."""
    return DATE.search(view.text, 0, span[0]) is None and len(view.line(span[0])) <= span[1] - span[0] + 16


def _other(view: PageView, span: Span, value: str, before: str) -> Finding:
    """A date of no stated role."""
    signing = SIGNING.search(f"{view.line(span[0])[:MAX_LINE]} {before[-60:]}") is not None
    return view.finding(
        "dates", span, value, 0.6, purpose="due" if DUE.search(before) else "signature" if signing else ""
    )


def _last_signed(signed: Sequence[Finding]) -> Iterator[Finding]:
    """The latest date beside a signature is a weak answer to when an undated paper was agreed."""
    if signed:
        last = max(signed, key=lambda finding: finding.value)
        yield replace(last, field="agreement_date", confidence=round(last.confidence * 0.6, 3), detail={})
