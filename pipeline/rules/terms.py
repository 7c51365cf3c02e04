"""How long a contract lasts, how it renews, what notice ends it, and whose law governs it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.normalise import anniversary, duration
from pipeline.rules.jurisdictions import jurisdiction
from pipeline.rules.view import PageView
from pipeline.types import Finding

__all__ = ["find_terms"]

COUNT = (
    r"(?:[A-Za-z]+(?:-[a-z]+)?\s?)?(?:[(\[]\s?\d{1,3}\s?[)\]]|\d{1,3})"
    r"|(?:twenty|thirty|forty|fifty|sixty|ninety)[\s-]?[a-z]*|[a-z]{3,8}"
)
UNIT = r"(?:(?:business|working|calendar|consecutive|full)\s)?(?:days?|weeks?|months?|years?)\b'?"
LENGTH = rf"((?:{COUNT})[\s-]{{1,2}}{UNIT})"

LAW = re.compile(
    r"\b(?:govern\w*|constru\w+|interpret\w+|enforce\w*|accordance with|under|pursuant to)\b[^.;]{0,120}?\blaws?\b"
    r"(?:\s\([^)]{0,80}\))?[\s-](?:\w+\s){0,4}?(?:of"
    r"|in)\s?(?:the\s)?(?:United States(?: of America)?,?\s(?:and\s)?(?:of\s)?(?:the\s)?)?"
    r"(?:(?:State|Commonwealth|Province|Republic|Kingdom|Country|Territory"
    r"|laws?)(?:\sand\s\w+)?\sof\s(?:the\s(?:State of\s)?)?)?"
    r"([A-Z][\w'.]*(?:[\s,]+(?:of|and|the|[A-Z][\w'.]*)){0,4})",
    re.I,
)
ADJECTIVE_LAW = re.compile(
    r"\b(?:governed|construed|interpreted)\b[^.;]{0,80}?\b(?:by|with|under)\s(?:the\s)?(?:laws?\s)?"
    r"((?:[A-Z]\w+\s){1,3})(?:state\s)?laws?\b|((?:[A-Z]\w+\s){1,3})laws?\s(?:shall"
    r"|will)\s[^.;]{0,40}\b(?:govern|apply|control)"
)
TERM = re.compile(
    r"\b(?P<subject>(?:this|the|such)\s(?:letter\s)?(?:agreement|lease|contract|sublease|license)"
    r"|(?:initial\s)?term\b|duration"
    r"|obligations?|restrictions|confidentiality|provisions)\b[^.;]{0,160}?"
    r"\b(?:shall|will|is|be|continues?|remains?|expires?|terminates?|survives?)\b[^.;]{0,130}?"
    rf"{LENGTH}(?=\s?(?:from|after|following|thereafter|commenc|beginning|unless|until|period|term\b|and|or"
    rf"|with|[.,;:)(]))",
    re.I,
)
CONFIDED = re.compile(
    r"\b(?P<subject>obligations?|confidential\w*|non-?disclosure|bound)\b[^.;]{0,140}?\bfor\s(?:a|the)\s(?:period|term)\sof\s"
    rf"{LENGTH}(?=\s(?:from|after|following))",
    re.I,
)
ANNIVERSARY = re.compile(
    r"\b(?P<subject>(?:this|the)\s(?:letter\s)?(?:agreement|lease|contract|license)|(?:initial\s)?term\b|obligations?|restrictions)"
    r"\b[^.;]{0,120}?\b(?:shall|will|continues?|remains?|expires?|terminates?|ends?)\b"
    r"[^.;]{0,60}?\b(?:until|through|on)\s(?:and\sincluding\s)?(?:the\s)?"
    r"(\w+(?:[\s-]\w+)?\s?(?:\([^)]{1,8}\)\s)?(?:month\s)?anniversary)\s"
    r"of\s(?:the\s)?(?:date\s(?:hereof|of\s(?:this|execution)|first)|Effective\sDate\b(?!\sof\s(?!th)))",
    re.I,
)
FROM_START = re.compile(
    r"\s(?:from|after|following|commencing|beginning)\s(?:and\sincluding\s|on\s|as\sof\s|with\s)?(?:the\s)?(?:date\s(?:hereof|first"
    r"|(?:of\s)?(?:this|its|execution|signing|such\sdisclosure|the\slast|on\swhich))|Effective\sDate\b(?!\sof\s(?!th)))",
    re.I,
)
"""After a length of time: it is counted from the beginning of the contract, or of what it protects."""

FROM_END = re.compile(
    r"\s(?:from|after|following)\s(?:the\s)?(?:date\sof\s)?(?:such\s|its\s|any\s|my\s|his\s|employee\S*\s|executive\S*\s|the\s)*"
    r"(?:termination|expiration|expiry|cessation|separation|end|last\sday|resignation)",
    re.I,
)
"""After a length of time: what lasts so long begins when the contract, or an employment, ends."""
TERM_LABEL = re.compile(rf"\b(?P<subject>(?:initial\s)?(?:lease\s)?term|duration)\s?:\s?{LENGTH}", re.I)
NOT_TERM = re.compile(
    r"\b(?:notice|renew\w*|exten\w+|additional|successive|cure|advance|warrant\w*|invoice\w*|paid|pay"
    r"|rents?|within|hold\w*|sufferance|first|last|survive (?:the|any|such|its)|COBRA|benefits?"
    r"|coverage|(?:shall|will|may|does) not)\b",
    re.I,
)
RENEWAL = re.compile(
    rf"\b(?:renew\w*|extend\w*|extension)\b[^.;]{{0,160}}?\b(?:for|of|by)?\s?(?:an?\s|up to\s|consecutive\s|further\s)?"
    rf"(?:(?:additional|successive|further|consecutive|subsequent|like)\s)*(?:(?:periods?|terms?)\s(?:of\s)?)?{LENGTH}",
    re.I,
)
ROLLING = re.compile(
    r"\b(?:renew\w*|extend\w*|extension|continu\w+|thereafter)\b[^.;]{0,120}?\b(?:"
    r"(?:successive|consecutive|additional|further|an?|on)\s(annual|yearly|monthly|quarterly)\s(?:basis|periods?|terms?)"
    r"|(month|year)[\s-]to[\s-](?:month|year))\b",
    re.I,
)
ROLLED = {"annual": "1 year", "yearly": "1 year", "year": "1 year", "monthly": "1 month", "month": "1 month",
          "quarterly": "3 months"}  # fmt: skip
NOTICE = re.compile(
    rf"{LENGTH}(?:\s(?:prior|advance|written|previous|advanced|calendar|or more|before|in|of))*\s"
    r"(?:(?:prior|written|advance)\s)*notice"
    rf"|notice[^.;]{{0,100}}?(?:at least|not less than|no later than|no less than|within|of|upon|least)?\s{LENGTH}"
    rf"(?:\sand\s(?:not|no)\smore\sthan\s(?:{COUNT})[\s-]{{1,2}}{UNIT})?"
    r"\s?,?\s(?:\w+\s){0,3}?(?:prior|before|in advance|preceding|of (?:its|the|his))"
    rf"|(?:at least|not less than|no less than|upon|giving)\s{LENGTH}[^.;]{{0,40}}?\bnotice",
    re.I,
)
ENDING = re.compile(r"\b(?:terminat\w+|renew\w*|non-renewal|cancel\w*|expir\w+|extend\w*)\b", re.I)
RENEWING = re.compile(r"\b(?:non-?)?renew|\bextend|\bextension", re.I)
CONDITIONAL = re.compile(r"\b(?:if|in the event|in case|should)\b", re.I)
OTHER_SPAN = re.compile(r"\b(?:within|more than|first|last|over|next)\s$", re.I)
"""Before a length of time: it is no notice but a time limit, an upper bound, or some other period."""
CURING = re.compile(r"\b(?:breach|cure|default|insolven\w+|remed\w+)\b", re.I)


WHOLE = re.compile(r"agreement|lease|contract|license|term", re.I)
CHOOSING = re.compile(r"\b(?:govern|constru|interpret|enforc|appl)|\b(?:shall|will) control\b", re.I)
GOVERNING_LAW = re.compile(
    r"\blaws? of (?:the )?(?:(?:State|Commonwealth|Province|Republic) of )?(?:the )?"
    r"([A-Z]\w+(?:\s[A-Z]\w+){0,2})[^.;]{0,60}?\b(?:shall |will )?(?:govern|control|apply to)"
)


def find_terms(view: PageView) -> Iterator[Finding]:
    """Governing law, term, renewal term and notice period, as far as this page has them."""
    yield from _law(view)
    yield from _term(view)
    yield from _renewal(view)
    yield from _notice(view)


def _law(view: PageView) -> Iterator[Finding]:
    for pattern, confidence in ((LAW, 0.85), (ADJECTIVE_LAW, 0.7), (GOVERNING_LAW, 0.7)):
        for match in pattern.finditer(view.text):
            group = 1 if match[1] else 2
            place = jurisdiction(match[group])
            if place and CHOOSING.search(match[0]):
                end = match.start(group) + _reach(match[group], place)
                yield view.finding("governing_law", (match.start(group), end), place, confidence)


def _reach(text: str, place: str) -> int:
    """Where in the text the words of the place end."""
    words = list(re.finditer(r"\S+", text))[: len(place.split())]
    return len(text[: words[-1].end()].rstrip(" ,.;:"))


def _term(view: PageView) -> Iterator[Finding]:
    for match in [*TERM.finditer(view.text), *CONFIDED.finditer(view.text), *TERM_LABEL.finditer(view.text)]:
        value, between = duration(match[2]), view.text[match.start() : match.start(2)]
        other = NOT_TERM.search(between) or FROM_END.match(view.text, match.end(2))
        if value and not other and not value.endswith(("day", "days")):
            yield view.finding("term", match.span(2), value, _term_confidence(view, match))
    for match in ANNIVERSARY.finditer(view.text):
        if value := anniversary(match[2]):
            yield view.finding("term", match.span(2), value, 0.75 if WHOLE.search(match["subject"]) else 0.6)


def _term_confidence(view: PageView, match: re.Match[str]) -> float:
    """The contract's own term is surer than how long its duties bind, and most where the beginning is named."""
    whole = WHOLE.search(match["subject"]) is not None
    if FROM_START.match(view.text, match.end(2)):
        return 0.75 if whole else 0.6
    return 0.65 if whole else 0.4


def _renewal(view: PageView) -> Iterator[Finding]:
    for match in RENEWAL.finditer(view.text):
        value = duration(match[1])
        if value and not value.endswith(("day", "days")):
            yield view.finding("renewal_term", match.span(1), value, 0.65)
    for match in ROLLING.finditer(view.text):
        group = 1 if match[1] else 2
        yield view.finding("renewal_term", match.span(group), ROLLED[match[group].lower()], 0.6)


def _notice(view: PageView) -> Iterator[Finding]:
    for match in NOTICE.finditer(view.text):
        group = next(g for g in (1, 2, 3) if match[g])
        sentence = view.text[slice(*view.sentence(match.start()))]
        value = duration(match[group])
        bounded = OTHER_SPAN.search(view.text[max(0, match.start(group) - 12) : match.start(group)])
        if value and ENDING.search(sentence) and not bounded:
            renewing = RENEWING.search(sentence) is not None
            confidence = 0.75 if renewing else _ending_confidence(sentence)
            purpose = "renewal" if renewing else "termination"
            yield view.finding("notice_period", match.span(group), value, confidence, purpose=purpose)


def _ending_confidence(sentence: str) -> float:
    """A notice that ends the contract at will is the period asked for; one for a breach or another case is hardly."""
    return 0.3 if CURING.search(sentence) else 0.4 if CONDITIONAL.search(sentence) else 0.55
