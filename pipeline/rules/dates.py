"""Dates: regular expressions find them, the words around tell what each one is."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
DAY = rf"(?:{D}{{1,2}}\s?(?:st|nd|rd|th)?|{ORDINAL})"
YEAR = rf"(?:{D}{{4}}|'\d\d)"
DATE = re.compile(
    rf"(?<![\w/])(?:{MONTH}\s?{DAY}\s?,?\s{{0,2}}{YEAR}"
    rf"|{DAY}(?:\s+day)?(?:\s+of)?\s+{MONTH}\s?,?(?:\s+in\s+the\s+year)?\s{{0,2}}(?:of\s+)?{YEAR}"
    rf"|{D}{{1,2}}([/.-]){D}{{1,2}}\1(?:{D}{{4}}|{D}{{2}})"
    rf"|(?:19|20)\d\d-\d\d-\d\d)(?![\w/]|-\d)",
    re.IGNORECASE,
)

EFFECTIVE_AFTER = re.compile(r"^\W{0,4}\(?(?:the|this|such)?\s?\W{0,2}(?:Effective|Commencement) Date", re.I)
EXPIRES_AFTER = re.compile(r"^\W{0,4}\(?(?:the)?\s?\W{0,2}(?:Expiration|Termination|Expiry|End) Date", re.I)
EFFECTIVE = re.compile(
    r"(?:effective(?: date)?(?: of this \w+)?(?: is| shall be| means)?(?: as)?(?: of| on|:| from)?"
    r"|commenc\w+(?: date)?(?: is| shall be)?(?: as)?(?: of| on|:)?"
    r"|(?:in|into|takes?) (?:force|effect)(?: as of| on| from)?"
    r"|beginning(?: on)?|term (?:starts|begins) on|start date:?)[\s\"'(]*(?:the\s)?$",
    re.I,
)
AGREED = re.compile(
    r"(?:(?:is |are |was )?(?:hereby )?(?:made|entered into|executed|agreed|concluded|dated|issued|signed)"
    r"(?:,? (?:and|&) (?:entered into|effective|executed|delivered|made|is|dated|concluded))*"
    r"(?: into)?(?: effective)?(?: in [A-Z][\w ,.]{0,40})?,?\s?(?:to be effective )?"
    r"(?: as of| as at| on| this| effective| on this| at| as)*"
    r"|agreement date:?|contract date:?|date of (?:this )?(?:agreement|contract|lease|amendment|order):?|invoice date:?"
    r"|order date:?|date of invoice:?|p\.?o\.? date:?|issue date:?|date issued:?)[\s\"',(:]*(?:the\s|of\s)*$",
    re.I,
)
LABEL = re.compile(r"(?:^|\s)date[d]?\s?:\s*$", re.I)
EXPIRES = re.compile(
    r"(?:expir\w+(?: date)?(?: is| shall be)?(?: on| as of|:)?|terminat\w+(?: date)?(?: on| as of|:)|until|through"
    r"|end(?:s|ing)?(?: date)?(?: on|:)?|remain in (?:full )?(?:force|effect) (?:until|through|to)|no later than)"
    r"[\s,]*(?:midnight|the close of business)?(?: on| of)?[\s\"'(]*(?:the\s)?$",
    re.I,
)
DUE = re.compile(r"(?:due(?: date)?(?: on| by)?|pay(?:able|ment)? (?:on|by|before)|pay by)\s?:?\s*$", re.I)
OTHER_PAPER = re.compile(
    r"(?:that certain|the (?:original|existing|master|prior|above)|pursuant to|under|amend\w*|supplement\w*"
    r"|in accordance with|refer\w* to|attached to|part of|incorporated)\b[^.;]{0,140}$",
    re.I,
)
SIGNING = re.compile(r"\b(?:By|Name|Title|Signature|Signed)\s?:", re.I)


def date_spans(text: str) -> Iterator[tuple[Span, str]]:
    """Every complete date in the text with its ISO form."""
    for match in DATE.finditer(text):
        if value := iso_date(match[0]):
            yield match.span(), value


def find_dates(view: PageView, first: bool) -> Iterator[Finding]:
    """All dates of a page; `first` says that this is the document's first page of text."""
    for span, value in date_spans(view.text):
        before = view.text[max(0, span[0] - 160) : span[0]]
        after = view.text[span[1] : span[1] + 60]
        roles = dict(_roles(view, span, before, after, first))
        for field, confidence in roles.items():
            yield view.finding(field, span, value, confidence)
        if not roles:
            yield view.finding("dates", span, value, 0.6, purpose=_purpose(view, span, before))


def _roles(view: PageView, span: Span, before: str, after: str, first: bool) -> Iterator[tuple[str, float]]:
    """(field, confidence) for each thing the date is."""
    preamble = first and span[0] < 2500
    other = OTHER_PAPER.search(before) is not None
    if EFFECTIVE_AFTER.match(after) or (EFFECTIVE.search(before) and not other):
        yield "effective_date", 0.85 if preamble else 0.6
    if AGREED.search(before) and not other and not SIGNING.search(before[-60:]):
        if preamble:
            yield "agreement_date", 0.85
    elif LABEL.search(before) and first and not SIGNING.search(before[-80:]):
        yield "agreement_date", 0.7
    if EXPIRES_AFTER.match(after) or EXPIRES.search(before):
        yield "expiration_date", 0.65


def _purpose(view: PageView, span: Span, before: str) -> str:
    if DUE.search(before):
        return "due"
    return "signature" if SIGNING.search(view.line(span[0]) + before[-60:]) else ""
