"""Parties and their roles, from the opening words of a contract ("by and between X (the "Company") and Y")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.rules.identity import kind_of
from pipeline.rules.jurisdictions import JURISDICTIONS
from pipeline.rules.view import PageView, Span
from pipeline.types import Finding
from schemas.kinds import UNKNOWN

__all__ = ["COMPANY", "PERSON", "find_parties", "plausible"]

REGION = 1800
"""Characters after "between" in which the parties are named, unless the recitals begin before."""

OPENING = re.compile(r"\b(?:(?:by and )?(?:between|among|BETWEEN|AMONG)(?: and among)?|Between|Among)\b\s*:?")
CLOSING = re.compile(
    r"\b(?:WHEREAS|WITNESSETH|W I T N E S S E T H|RECITALS?|BACKGROUND|NOW,? THEREFORE|Whereas|Recitals|Background"
    r"|IN CONSIDERATION|In consideration|hereby agree|agree as follows|TABLE OF CONTENTS|Table of Contents)\b|\s1\.\s"
)
STRONG = (
    r"(?i:Incorporated|[Il1]n[ce]\b|Corporation|Corp\b|Limited|Ltd\b|L\.?L\.?C\b|L\.?L\.?P\b|L\.?P\b|P\.?L\.?C\b"
    r"|GmbH|S\.A\b|N\.V\b"
    r"|B\.V\b|A\.G\b|Pty\.? Ltd|N\.A\b|ASA\b|S\.?p\.?A\b|K\.K\b|A/S\b|Sdn\.? Bhd|Co\b)\.?(?![\w-])"
)
MISREAD_INC = re.compile(r"(?<=[\s,])(?:[l1]nc|[Il1]ne)\b(?=\.?$)")
WEAK = (
    r"(?i:Company|Trust|Partners|Partnership|Bank|University|Foundation|Association|Authority|Holdings"
    r"|Fund|Press|Group)(?![\w-])(?:\sof\s(?:[A-Z][a-z]+|[A-Z]{3,})(?:\s(?:[A-Z][a-z]+|[A-Z]{3,}))?)?"
)
WORD = r"(?:[a-z]?[A-Z0-9][\w&'.!/-]*|[a-z][\w-]*\.(?:com|net|org)|&)"
LINK = rf"(?:{WORD}|of|and|AND|the|de|for|in)"
HEADLESS = (
    rf"(?<![\w])(?!{STRONG}|(?:19|20)\d\d\s|\d{{1,2}}\.\s|(?i:preamble|recitals?|parties|between|among|tenant|landlord|lessor|lessee|buyer|seller|purchaser|licensor|licensee"
    r"|customer|client|vendor|supplier|contractor|consultant|borrower|lender|brokers?)\s)"
)
"""No name begins with what is left of another name, a year, or a label."""

COMPANY = re.compile(
    rf"{HEADLESS}{WORD},?\s(?:{LINK},?\s){{0,7}}?(?:{STRONG}(?:(?:\s[IVX\d]{{1,4}})?,?\s{STRONG})*"
    rf"|{WEAK}(?:(?:,?\s{WORD}){{0,4}}?,?\s{STRONG})*)(?:\s\"[A-Z][\w&.' -]{{2,30}}\")?"
)
PERSON = re.compile(
    rf"{HEADLESS}"
    r"(?:[A-Z][a-z]+|[A-Z]{2,}|(?:[A-Z]\.){1,3})(?:\s(?:(?:[A-Z]\.){1,2}|[A-Z][a-zA-Z'-]+|de|van|von)){1,3}"
    r"(?:,?\s(?:Jr\b\.?|Sr\b\.?|I{2,3}\b|IV\b|M\.?D\b\.?|Ph\.?D\b\.?|Esq\b\.?|CPA\b))*"
)
PHRASE = re.compile(rf"{HEADLESS}(?:[Tt]he\s)?{WORD}(?:\s{LINK}){{0,7}}")
NO_NAME = re.compile(
    r"\b(?:Agreement|Effective|Date|Section|Article|Parties|Party|State|Exhibit|Street|Avenue|Suite|Floor"
    r"|Whereas|Undersigned|County|January"
    r"|February|March|April|May|June|July|August|September|October|November|December|laws?|Delaware corporation)\b",
    re.I,
)
STOP_WORDS = re.compile(
    r"(?:^|\s)(?:on|your|you|this|that|any|all|such|hereby|will|shall|click)(?:\s|$)|\s(?:and|of|the|for|in)$", re.I
)
"""What a name that shows no form of company or person can't hold, or end with."""

ADDRESS = re.compile(
    r"\b\d{5}\b|^\W*\d+\W*$|\b(?:the|THE) (?:Company|Employee|Executive|Recipient)\b|Confidential|Information"
)
FORM = re.compile(r"(?:,?\s)?\b(?:corporation|company|limited|liability|partnership|llc|inc|lp|trust|bank)\b\.?", re.I)
PLACES = frozenset(place.casefold() for place in JURISDICTIONS)
NEXT = re.compile(r"(?:\band\b|\bAND\b|;|,)\s*(?:\(?[a-z0-9]{1,2}\)\s*)?(?:(?:its|the)\s(?=[A-Z]))?|\(\d\)\s")
FOLLOW = re.compile(
    r"\W{0,3}(?:an?\s|[Aa]n?d?\s(?!other)|AND\s|\(|\"|of\s(?:\d|[A-Z])|with\s|having\s|whose\s|located\s"
    r"|hereinafter|dba\b|d/b/a|a/k/a|in the person"
    r"|[Ee]ffective|EFFECTIVE|[Dd]ated|DATED|AS OF|As of|organi[sz]ed|incorporated"
    r"|acting|through|by and|for\s|together|on behalf|as of|including"
    r"|individually|and\b|$|residing"
    r"|as\s|\d|collectively|the\s|[.;]\s)"
)
DESCRIBED = re.compile(r",? \(|,? an? ")
TERM = r"[\"?']\s?(?:[Tt]he\s)?([A-Z][\w .&'/-]{1,45}?)[,.]?\s?[\"?']"
DEFINED = re.compile(
    rf"\"?\(\s*[^()\"?]{{0,160}}{TERM}[^()]{{0,160}}\)|hereinafter[^\"()]{{0,40}}{TERM}|\"\((\w[\w .]{{1,40}})\"\)"
)
NOT_A_NAME_FOR_PARTY = re.compile(
    r"\b(?:agreement|effective date|parties|party|lease|contract|amendment|date|order)\b", re.I
)
SALUTATION = re.compile(r"\b(?:Dear|DEAR|Gentlemen|Ladies and Gentlemen|To Whom)\b")
ROLES = (
    r"company|client|customer|contractor|consultant|supplier|vendor|buyer|seller|purchaser|tenant|landlord"
    r"|lessor|lessee"
    r"|licensor|licensee|distributor|manufacturer|employer|employee|executive|franchisor|franchisee|sponsor"
    r"|agency|agent"
    r"|borrower|lender|bank|recipient|discloser|(?:service )?provider|owner|operator|reseller|affiliate|partner|member"
    r"|guarantor|advertiser|station|publisher|promoter|developer|disclosing party|receiving party|host|shipper|carrier"
    r"|transporter|city|university|principal|investor"
)
ROLE = re.compile(rf"^(?:{ROLES})$", re.I)
AS_ROLE = re.compile(rf",?\s[Aa]s\s(?:the\s)?({ROLES})\b", re.I)
LABEL = re.compile(rf"(?:the\s)?({ROLES}|bill(?:ed)? to|sold to|ship to|invoice to|remit to|from)\b\s?:?\s?", re.I)
LETTERHEAD_LINES = 4
MAX_GAP = 80
"""Characters from a party's role or short name to the next party: what comes later in the text is no party."""


@dataclass(frozen=True)
class _Party:
    span: Span
    term: str
    confidence: float


def find_parties(view: PageView) -> Iterator[Finding]:
    """The parties that a page's opening words name; for the first page of a document."""
    introduced = _introduced(view)
    other = [] if len(introduced) > 1 else [*_defined(view), *_addressed(view), *_labelled(view)]
    seen: set[str] = set()
    for party in [*introduced, *other]:
        name = MISREAD_INC.sub("Inc", " ".join(view.text[slice(*party.span)].split()).strip(" ,"))
        if name.lower() not in seen and 2 < len(name) < 120:
            seen.add(name.lower())
            kind = "role" if ROLE.match(party.term) else "alias"
            yield view.finding("parties", party.span, name, party.confidence, **{kind: party.term})


def _introduced(view: PageView) -> list[_Party]:
    """The fullest list after a "between": two parties end the search, since titles say "between" too."""
    best: list[_Party] = []
    for opening in list(OPENING.finditer(view.text[:6000]))[:8]:
        found = list(_listed(view.text, opening.end()))
        if len(found) > len(best):
            best = found
        if len(best) > 1 and any(party.term for party in best):
            break
    return best


def _listed(text: str, start: int) -> Iterator[_Party]:
    """Names one after another: each is followed by what it is, its short name, an "and", or the end."""
    closing = CLOSING.search(text, start, start + REGION)
    end = closing.start() if closing else min(len(text), start + REGION // 2)
    position, names, reach = start, 0, end
    while position < end and names < 8:
        name = _name(text, position, end, loose=names == 0)
        if name and name[0] > reach:
            return
        if name:
            names += 1
            nearest = _next_name(text, name[1], end)
            called = AS_ROLE.match(text, name[1], end) or DEFINED.search(text, name[1], min(end, nearest))
            term = _term(called)
            reach = called.end() + MAX_GAP if called and term else end
            yield _Party(name, term, 0.85 if term else 0.7)
            position = name[1]
        elif names == 0:
            return
        following = NEXT.search(text, position, end)
        if following is None:
            return
        position = following.end()


def _next_name(text: str, start: int, end: int) -> int:
    """Where the next party's name begins, so that its short name is not taken for this one's."""
    for following in NEXT.finditer(text, start, end):
        if name := _name(text, following.end(), end, loose=False):
            return name[0]
    return end


def _name(text: str, start: int, end: int, *, loose: bool) -> Span | None:
    """A party's name at this very place, or None. `loose` also takes names that look like neither form."""
    start += len(text[start:end]) - len(text[start:end].lstrip(' ,:"('))
    comma = text[max(0, start - 2) : start] == ", "
    for pattern in (COMPANY, PERSON, PHRASE):
        match = pattern.match(text, start, end)
        if match is None or not plausible(match[0]) or not FOLLOW.match(text, match.end(), end):
            continue
        if pattern is not COMPANY and STOP_WORDS.search(match[0]):
            continue
        described = DESCRIBED.match(text, match.end(), end) is not None
        if pattern is COMPANY or (loose and not (comma and pattern is PHRASE)):
            return match.span()
        if described if pattern is PERSON and comma else not comma and (described or pattern is PERSON):
            return match.span()
    return None


def plausible(name: str) -> bool:
    """Not a place, a date, an address, a role by itself, or a place's form of company ("Texas corporation")."""
    words = re.sub(r"^the\s", "", name, flags=re.I)
    bare = FORM.sub("", words).strip(" ,.").casefold()
    return bool(bare) and not (
        bare.endswith(" and") or NO_NAME.search(name) or ADDRESS.search(name) or ROLE.match(words) or bare in PLACES
    )


def _term(match: re.Match[str] | None) -> str:
    term = next((group for group in match.groups() if group), "") if match else ""
    return "" if NOT_A_NAME_FOR_PARTY.search(term) and not ROLE.match(term) else term.strip()


def _defined(view: PageView) -> list[_Party]:
    """Companies that a sentence anywhere on the page gives a role or a short form of their name as short name."""
    found, last = [], 0
    for match in DEFINED.finditer(view.text):
        term = _term(match)
        start = max(last, view.sentence(match.start())[0], match.start() - 220)
        last = match.end()
        named = [m for m in COMPANY.finditer(view.text, start, match.start()) if plausible(m[0])]
        adjacent = [m for m in PERSON.finditer(view.text, start, match.start()) if match.start() - m.end() <= 2]
        named = named or [m for m in adjacent if plausible(m[0])]
        if named and term and (ROLE.match(term) or _shortens(term, named[-1][0])):
            found.append(_Party(named[-1].span(), term, 0.6))
    return found[:4]


def _shortens(term: str, name: str) -> bool:
    """Whether the term is a piece of the name or letters of it in order: "Sears", "IBM", "YRCW"."""
    letters = iter(re.sub(r"\W", "", name.casefold()))
    drawn = term.isupper() and term[:1].casefold() == name[:1].casefold() and all(c in letters for c in term.casefold())
    return term.casefold().split()[0] in name.casefold() or drawn


def _addressed(view: PageView) -> list[_Party]:
    """The companies above a letter's salutation: who writes and who is written to."""
    salutation = SALUTATION.search(view.text[:2500])
    lines = [line for line in view.lines if salutation and line[1] <= salutation.start()]
    return [_Party(span, "", 0.5) for line in lines if (span := _company(view, *line))][:3]


def _labelled(view: PageView) -> list[_Party]:
    """Companies behind or below a label ("Vendor: X", "Bill to" and X on the next line), and the letterhead,
    as orders and invoices name them."""
    found = [_Party(span, "", 0.5) for line in view.lines[:LETTERHEAD_LINES] if (span := _letterhead(view, line))][:1]
    for index, (start, end) in enumerate(view.lines[:80]):
        label = LABEL.match(view.text, start, end)
        if label and (label[1][0].isupper() or ":" in label[0]):
            below = view.lines[index + 1] if index + 1 < len(view.lines) else (end, end)
            span = _company(view, label.end(), end) or (_company(view, *below) if label.end() >= end - 20 else None)
            found += [_Party(span, label[1].lower(), 0.55)] if span else []
    return found[:6]


def _letterhead(view: PageView, line: Span) -> Span | None:
    """The company that has the line to itself, or shares it with the name of the paper ("X LLC INVOICE")."""
    span = _company(view, *line)
    rest = view.text[span[1] : line[1]].strip() if span else ""
    return span if not rest or kind_of(rest) != UNKNOWN else None


def _company(view: PageView, start: int, end: int) -> Span | None:
    """The company whose name begins here, within the line."""
    match = COMPANY.match(view.text, start, end)
    return match.span() if match and plausible(match[0]) else None
