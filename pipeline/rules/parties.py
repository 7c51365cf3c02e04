"""Parties and their roles, from the opening words of a contract ("by and between X (the "Company") and Y")."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.rules.view import PageView, Span
from pipeline.types import Finding

__all__ = ["find_parties"]

OPENINGS = re.compile(
    r"\b(?:by and (?:between|among)|(?:entered|made)[^.]{0,80}?(?:between|among)|between|among|BETWEEN|AMONG)\b\s*:?",
    re.I,
)
CLOSINGS = re.compile(
    r"\b(?:WHEREAS|WITNESSETH|W I T N E S S E T H|RECITALS|BACKGROUND|NOW,? THEREFORE|Whereas|Recitals|IN CONSIDERATION"
    r"|In consideration|Background|hereby agree|agree as follows|For purposes of|for the purpose)\b|\b1\.\s"
)
SUFFIX = (
    r"(?:Incorporated|Inc|Corporation|Corp|Company|Co|Limited|Ltd|L\.?L\.?C|L\.?L\.?P|L\.?P|P\.?L\.?C|PLC|GmbH|A\.?G|S\.?A"
    r"|N\.?V|B\.?V|Pty\.? Ltd|N\.?A|Trust|Partners|Partnership|Bank|University|Foundation|Association|Authority|Holdings"
    r"|S\.?p\.?A|K\.?K|A\.?B|A/S|Oy|Sdn\.? Bhd)\b\.?"
)
NAME_WORD = r"(?:[A-Z0-9][\w&'.\-/]*|&|of|and|the|de|for|in)"
COMPANY = re.compile(rf"(?:[A-Z0-9][\w&'.\-/]*,?\s)(?:{NAME_WORD},?\s){{0,7}}?{SUFFIX}(?:,?\s{SUFFIX})?", re.I)
DEFINED = re.compile(r"\(\s*(?:[^()\"]{0,80})\"\s?([^\"()]{2,50}?)[,.]?\s?\"[^()]{0,80}\)")
NAME_END = re.compile(
    r",?\s+(?:an?|the|with|having|whose|located|incorporated|organized|organised|acting|doing|d/b/a|residing|of|and its|on behalf"
    r"|individually|for itself|existing|duly|at|as|in its|together|the undersigned|\d)\b|\s?[(\[]|;|:",
)
LEAD = re.compile(
    r"^(?:[\s,;:.()\d]|and\b|or\b|the\b(?=\s+[a-z])|between\b|among\b|by\b|\(?[ivx]+\)|\(?\d\)|\"|'|-)+", re.I
)
ROLES = (
    "company client customer contractor consultant supplier vendor buyer seller purchaser tenant landlord lessor lessee"
    " licensor licensee distributor manufacturer employer employee executive franchisor franchisee sponsor agency agent"
    " borrower lender bank recipient discloser provider owner operator reseller affiliate partner member guarantor"
    " advertiser station publisher developer party host shipper carrier transporter city university"
).split()
ROLE = re.compile(r"\b(?:" + "|".join(ROLES) + r")\b", re.I)
GENERIC = re.compile(
    r"\b(?:agreement|effective date|parties|party|lease|contract|amendment|collectively|date|order)\b", re.I
)
LABELLED = re.compile(
    rf"(?<!\w)({'|'.join(ROLES)}|bill to|sold to|ship to|from|to|name of client|supplier name)\s?:\s*({COMPANY.pattern})",
    re.I,
)


def find_parties(view: PageView) -> Iterator[Finding]:
    """The parties a page's opening words name; for the first pages of a document."""
    found = list(_defined(view)) or list(_named(view)) or list(_labelled(view))
    seen: set[str] = set()
    for span, term, confidence in found:
        name = " ".join(view.text[slice(*span)].split()).strip(" ,")
        if name.lower() not in seen and 2 < len(name) < 120:
            seen.add(name.lower())
            kind = "role" if ROLE.search(term) else "alias"
            yield view.finding("parties", span, name, confidence, **{kind: term.strip()})


def _region(view: PageView) -> Span | None:
    """The opening words between "between" and the recitals."""
    opening = OPENINGS.search(view.text[:5000])
    if not opening:
        return None
    closing = CLOSINGS.search(view.text, opening.end(), opening.end() + 2500)
    return opening.end(), closing.start() if closing else min(len(view.text), opening.end() + 900)


def _defined(view: PageView) -> Iterator[tuple[Span, str, float]]:
    """Parties followed by their short name in brackets."""
    region = _region(view)
    start = region[0] if region else 0
    for term in DEFINED.finditer(view.text, start, region[1] if region else start):
        if GENERIC.search(term[1]) and not ROLE.search(term[1].replace("Party", "")):
            continue
        span = _name(view.text, start, term.start())
        start = term.end()
        if span:
            yield span, term[1], 0.8


def _name(text: str, start: int, end: int) -> Span | None:
    """The name at the start of a party's description."""
    lead = LEAD.match(text[start:end])
    start += lead.end() if lead else 0
    if company := COMPANY.match(text[start:end]):
        return start, start + company.end()
    stop = NAME_END.search(text[start:end])
    end = start + stop.start() if stop else end
    name = text[start:end].rstrip(" ,")
    return (start, start + len(name)) if name[:1].isupper() and len(name.split()) <= 9 else None


def _named(view: PageView) -> Iterator[tuple[Span, str, float]]:
    """Companies named in the opening words, without short names."""
    region = _region(view)
    if region:
        for match in COMPANY.finditer(view.text, region[0], min(region[1], region[0] + 700)):
            lead = LEAD.match(match[0])
            yield (match.start() + (lead.end() if lead else 0), match.end()), "", 0.6


def _labelled(view: PageView) -> Iterator[tuple[Span, str, float]]:
    """Companies behind a label ("Customer: X"), as orders and invoices name them."""
    for match in LABELLED.finditer(view.text[:5000]):
        yield match.span(2), match[1], 0.55
