"""Obligations and signatories: who must do what by when, and who signs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.rules.dates import date_spans
from pipeline.rules.view import PageView, Span
from pipeline.types import Finding

__all__ = ["find_obligations", "find_signatories"]

MAX_PER_PAGE = 12
MAX_SENTENCE = 900
DUTY = re.compile(
    r"(?P<who>\b(?:(?:[Tt]he|[Ee]ach|[Nn]either|[Ee]ither|[Bb]oth|[Aa]ll)\s)?(?:of\sthe\s)?"
    r"(?:(?:receiving|disclosing|other)\s)?(?:[A-Z][\w&'.-]*\s){0,4}"
    r"(?:[A-Z][\w&'.-]*|part(?:y|ies)))\s(?:hereby\s|also\s|further\s)?"
    r"(?P<duty>(?:shall|must|agrees? to|agree to|covenants? to|undertakes? to|will|is required to|is obligated to)"
    r"(?:\snot)?)\s(?P<what>[^;]{8,400})"
)
MEANING = re.compile(r"[\"']\s?means\b")
OWN_ROLE = re.compile(
    r"\b(?:(?:the|each|neither|either|both|all)\s)?(?:(?:receiving|disclosing|other|service)\s)?"
    r"(?:part(?:y|ies)|tenant|landlord|customer|client|provider|consultant|contractor|supplier|vendor|buyer|seller"
    r"|purchaser|lessor|lessee|licensor|licensee|distributor|employer|employee|executive|recipient|discloser)$",
    re.I,
)
"""The role that ends a run of capital words: in "Go-Live Date Customer shall" the customer shall."""
ACTOR = re.compile(
    r"\b(?:part(?:y|ies)|company|client|customer|contractor|consultant|supplier|vendor|buyer|seller|purchaser"
    r"|tenant|landlord"
    r"|lessor|lessee|licensor|licensee|distributor|manufacturer|employer|employee|executive|franchis\w+|sponsor|agen\w+"
    r"|borrower|lender|recipient|discloser|provider|owner|operator|reseller|affiliate|partners?|members?|guarantor"
    r"|advertiser|station|publisher|developer|host|shipper|carrier|receiving|disclosing|inc|llc|corp|ltd)\b",
    re.I,
)
PASSIVE = re.compile(r"^(?:be\s(?:deemed|construed|governed|binding|effective|considered|entitled"
    r"|responsible for its own)|have\s(?:the|no)\s"
                     r"(?:right|obligation|liability)|mean|not be (?:liable|deemed|construed))", re.I)  # fmt: skip
BY_WHEN = re.compile(
    r"\b(?:within|no later than|not later than|on or before|prior to|by|at least|before|upon|every|each"
    r"|promptly|immediately)"
    r"\s(?:[\w()'-]+\s){0,6}?(?:days?|months?|weeks?|years?|hours?|date|quarter|expiration|termination"
    r"|request|receipt|demand)\b"
    r"(?:\s(?:of|after|following|from|prior to|before)\s(?:[\w()'-]+\s?){1,8})?",
    re.I,
)

SIGN_LABEL = r"(?:Name|Print(?:ed)?|Typed|Title|Its|By|Signature|Signed|Dated?|Address|Witness|Envelope)\b"
PART = rf"(?!{SIGN_LABEL})[A-Z][A-Za-z.'-]*"
PERSON = rf"(?:Dr\.?\s|Mr\.?\s|Ms\.?\s|Mrs\.?\s)?{PART}(?:\s(?:{PART}|de|van|von)){{1,3}}"
NAME = re.compile(rf"\b(?:(?:Print(?:ed)?|Typed)\s)?Name\s?(?:\([Pp]rint\w*\))?\s?:\s?_*\s?({PERSON})")
TITLE = re.compile(rf"\b(?:Title|Its)\s?:\s?_*\s?([A-Z][\w,&.'/ -]{{2,60}}?)(?=\s{SIGN_LABEL}|\s*$|\s_|\s[A-Z]{{3,}})")
SIGNED = re.compile(rf"(?:/s/|/S/)\s?({PERSON})")
BLOCK = re.compile(r"\bIN WITNESS WHEREOF|\bBy\s?:|\bSign(?:ature|ed)\s?:|\bName\s?:|/s/", re.I)


def find_obligations(view: PageView) -> Iterator[Finding]:
    """The page's first duties, each with its sentence."""
    count = 0
    for start, end in view.sentences:
        match = DUTY.search(view.text, start, min(end, start + MAX_SENTENCE))
        if match is None or not ACTOR.search(match["who"]) or PASSIVE.match(match["what"]):
            continue
        if MEANING.search(view.text, start, match.start()):
            continue
        yield _duty(view, match)
        count += 1
        if count == MAX_PER_PAGE:
            return


def _duty(view: PageView, match: re.Match[str]) -> Finding:
    own = OWN_ROLE.search(match["who"])
    who = match["who"][own.start() if own else 0 :]
    what = _whole_words(view.text, match.start("what"), match.end("what"))
    span: Span = (match.end("who") - len(who), match.start("what") + len(what))
    when = BY_WHEN.search(what)
    date = next((what[slice(*found)] for found, _ in date_spans(what)), "")
    by_when = date or (when[0].strip() if when else "")
    said = ("not " if match["duty"].endswith("not") else "") + what
    confidence = 0.55 if match["duty"].startswith("will") else 0.7
    return view.finding(
        "obligations", span, view.text[slice(*span)], confidence, who=who.strip(), what=said, by_when=by_when
    )


def _whole_words(text: str, start: int, end: int) -> str:
    """The text between, without the word that the end cuts in two and without closing punctuation."""
    passage = text[start:end]
    if text[end - 1 : end].strip() and text[end : end + 1].strip(" ;") and " " in passage.strip():
        passage = passage[: passage.rindex(" ")]
    return passage.rstrip(" .,:\"'")


def find_signatories(view: PageView) -> Iterator[Finding]:
    """Names in signature blocks; the n-th title belongs to the n-th name, also in blocks side by side."""
    block = BLOCK.search(view.text)
    if block is None:
        return
    names = list(NAME.finditer(view.text, block.start()))
    titles = [match[1].strip(" ,") for match in TITLE.finditer(view.text, block.start())]
    seen: set[str] = set()
    for index, match in enumerate([*names, *SIGNED.finditer(view.text, block.start())]):
        start, end = match.span(1)
        end = min(end, view.line_end(start))
        name = view.text[start:end].strip()
        if name.lower() in seen or " " not in name:
            continue
        seen.add(name.lower())
        title = titles[index] if len(titles) == len(names) and index < len(titles) else ""
        yield view.finding("signatories", (start, start + len(name)), name, 0.7, title=title)
