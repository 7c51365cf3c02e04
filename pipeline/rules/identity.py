"""What the document is: its title, its kind, its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rapidfuzz import fuzz

from pipeline.rules.view import PageView, Span
from pipeline.types import Finding
from schemas.kinds import KIND_NAMES, UNKNOWN, Kind

__all__ = ["find_identity", "find_references", "kind_of"]

TOP_LINES = 25
TITLE_WORDS = 14
NOISE = re.compile(
    r"^(?:exhibit|ex|page|confidential|execution (?:copy|version)|draft|copy)\b[\s\-\d.:]*|^[\W\d_]+$", re.I
)
SENTENCE_LIKE = re.compile(r"\b(?:is|are|shall|will|hereby|this|that|which|we|you|your|please|been|was)\b", re.I)
OPENING = re.compile(
    r"\b(?:This|THIS)\s+((?:[A-Z][\w&/'-]*,?\s+|(?:and|of|to|for|the|No\.|in)\s+|\d+\s+){0,9}"
    r"(?:Agreement|AGREEMENT|Lease|LEASE|Amendment|AMENDMENT|Contract|CONTRACT|Addendum|ADDENDUM|Work|WORK"
    r"|Order|ORDER))\b"
)
AMENDING = re.compile(r"\b(?:amendment|addendum|modification|supplement|side letter|renewal)\b", re.I)
PARTIES = re.compile(r"\s(?:by and )?between\b|\sby and among\b", re.I)
LETTER = re.compile(
    r"\bDear\s+(?:Mr|Ms|Mrs|Dr|Sir|Madam|Counsel|[A-Z])|\b(?:Very truly|Sincerely|Yours (?:truly|faithfully))"
)

LABELS = (
    r"contract|agreement|purchase order|p\.?\s?o\.?|order|invoice|inv|reference|ref|our ref|your ref|account"
    r"|policy|project"
    r"|matter|docket|case|file|estimate|statement of work|sow|license|quotation|quote|proposal|registration"
    r"|document|loan"
    r"|lease|amendment|schedule|customer|vendor|bill|receipt|tracking|requisition|job|work order|deal|id"
)
MARK = r"(?:no\.?|num(?:ber)?\.?|nr\.?|#|id\.?|№)"
REFERENCE = re.compile(
    rf"(?<![\w-])({LABELS})\s?(?:/\s?\w+\s?)?(?:{MARK}\s?[:#.]*|[:#])\s?((?=[\w/.-]*\d)[A-Z0-9][\w/.-]{{1,29}})",
    re.IGNORECASE,
)
CODE = re.compile(
    r"\b(?i:(contract|agreement|purchase order|invoice|statement of work|sow|p\.?o\.?|lease|order|reference|quote))\s"
    r"((?=[\w/-]*\d)(?=[\w/-]*[A-Z])[A-Z0-9]+(?:[-/][A-Z0-9]+)+|\d{6,12})\b"
)
NOT_NUMBER = re.compile(r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}$|^\d{1,2}\.?$|^\d+\.\d{1,2}$")


def find_identity(view: PageView) -> Iterator[Finding]:
    """Title and kind, for the first page of a document's text."""
    title = _title(view)
    if title:
        text = " ".join(view.text[slice(*title)].split())
        yield view.finding("title", title, text, 0.8)
        kind = kind_of(text)
        if kind != UNKNOWN:
            yield view.finding("kind", title, kind, 0.6 if kind == "agreement" else 0.85)
            return
    if found := LETTER.search(view.text):
        yield view.finding("kind", found.span(), "letter", 0.6)


def kind_of(title: str) -> Kind:
    """The kind whose name fits the title best: the longest name wins, an amendment is one whatever it amends."""
    plain = " ".join(re.sub(r"[^a-z ]", "", title.lower().replace("-", "")).split())
    if AMENDING.search(plain[:60]):
        return "amendment"
    best: tuple[int, Kind] = (0, UNKNOWN)
    for kind, names in KIND_NAMES.items():
        for name in names:
            wanted = name.replace("-", "")
            if len(wanted) > best[0] and _names(wanted, plain):
                best = len(wanted), kind
    return best[1]


def _names(name: str, title: str) -> bool:
    """Whether the title holds the name; OCR may have misread a letter or so in ten."""
    if f" {name} " in f" {title} ":
        return True
    return len(name) >= 8 and len(title) >= len(name) and fuzz.partial_ratio(name, title) >= 92


def _title(view: PageView) -> Span | None:
    """The heading that names a kind, else the name the opening words give ("This Services Agreement")."""
    tops = view.lines[:TOP_LINES]
    named = [i for i, span in enumerate(tops) if _names_a_kind(view.text[slice(*span)])]
    loud = [i for i in named if view.text[slice(*tops[i])].isupper()]
    if named and not (_is_letter(view) and not loud):
        return _whole_heading(view, tops, (loud or named)[0])
    if found := OPENING.search(view.text[:4000]):
        return found.span(1)
    headings = [span for span in tops[:4] if _heading(view.text[slice(*span)])]
    return next((span for span in headings if span[1] - span[0] > 5), None)


def _is_letter(view: PageView) -> bool:
    """Whether the page greets somebody: its headings are then subjects, not titles."""
    return LETTER.search(view.text[:3000]) is not None


def _names_a_kind(line: str) -> bool:
    """Whether a line is a heading with a kind in it; "Contract No. 7" and "Re: Lease" are none."""
    reference = REFERENCE.match(line) and not line.isupper()
    return not reference and not line.startswith("Re:") and _heading(line) and kind_of(line) != UNKNOWN


def _heading(line: str) -> bool:
    words = line.split()
    if not 1 <= len(words) <= TITLE_WORDS or NOISE.match(line) or SENTENCE_LIKE.search(line):
        return False
    initial = [word for word in words if word[0].isalpha() and len(word) > 3]
    return sum(word[0].isupper() for word in initial) >= 0.6 * len(initial) and not line.rstrip().endswith((",", ";"))


def _whole_heading(view: PageView, lines: tuple[Span, ...], index: int) -> Span:
    """Join the capital lines just above and below: titles run over several lines."""
    first = last = index
    while first and index - first < 2 and _joins(view.text[slice(*lines[first - 1])]):
        first -= 1
    while last + 1 < len(lines) and last - index < 2 and _joins(view.text[slice(*lines[last + 1])]):
        last += 1
    start, end = lines[first][0], lines[last][1]
    parties = PARTIES.search(view.text, start + 10, end)
    return start, parties.start() if parties else end


def _joins(line: str) -> bool:
    return line.isupper() and _heading(line) and len(line.split()) <= 8 and not re.search(r"\d|,|\bINC\b|\bLLC\b", line)


def find_references(view: PageView) -> Iterator[Finding]:
    """Labelled numbers: "Contract No. MSA-2021-0147", "PO # 4711"."""
    for match in [*REFERENCE.finditer(view.text), *CODE.finditer(view.text)]:
        number = match[2].rstrip(".-/")
        span = (match.start(2), match.start(2) + len(number))
        if len(number) > 1 and not NOT_NUMBER.match(number):
            yield view.finding("reference_numbers", span, number.upper(), 0.8, label=_label(match[1]))


def _label(text: str) -> str:
    plain = re.sub(r"[\s.]+", " ", text.lower()).strip()
    return {"p o": "purchase order", "po": "purchase order", "inv": "invoice", "ref": "reference"}.get(plain, plain)
