"""A page in the making: the sheet, what it is about, how its document is set, and what has been put on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.train.pages import fonts
from infra.train.pages.chance import Chance
from infra.train.pages.fonts import Face, Role
from infra.train.pages.matter import Matter, fill, sentences
from infra.train.pages.sheet import Sheet, Type, pieces
from infra.train.pages.tongues import ENGLISH, Tongue
from infra.train.pages.types import Fact

__all__ = ["Draft", "Style", "design", "paragraph", "running"]

NUMBERING = ("{0}.", "{0}.", "{0}.{1}", "({2})", "§ {0}", "Section {0}.", "ARTICLE {0}", "Section {0}.{1}")
HEADS = ("", "", "", "{title}", "{number}", "{a} - {title}", "CONFIDENTIAL", "Execution Copy", "EX-10.{page}")
FEET = ("{page}", "- {page} -", "{page}", "{number} | {page}", "Page {page} of {pages}", "", "{title} | {page}")
PAPERS = {(612.0, 792.0): 7.0, (595.0, 842.0): 3.0, (612.0, 1008.0): 0.7}


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is set: body type, heading face, leading in sizes, alignment, margins (left, top, right, bottom,
    points), numbering of clauses, and what runs at head and foot."""

    paper: tuple[float, float]
    body: Type
    heading: Type
    leading: float
    align: str
    margins: tuple[float, float, float, float]
    numbering: str
    head: str
    foot: str
    indent: float
    gap: float


def _face(chance: Chance, tongue: Tongue, role: Role) -> Face:
    """A face for print that has the letters of the language; the next best role where none has them."""
    order: tuple[Role, ...] = ("chinese",) if tongue.label == "zh" else (role, "serif", "sans")
    order = ("arabic",) if tongue.label == "ar" else order
    found = next(there for wanted in order if (there := fonts.covering(wanted, tongue.sample)))
    return chance.weighed({face: face.share for face in found})


def design(chance: Chance, tongue: Tongue) -> Style:
    """Choose how a document is set."""
    face = _face(chance, tongue, chance.weighed({"serif": 6, "sans": 3, "mono": 2}))
    size = chance.weighed({8.5: 1, 9.5: 1, 10.0: 3, 11.0: 4, 12.0: 4, 13.0: 0.5, 7.5: 0.6})
    body = Type(face, size * (0.92 if face.role == "mono" else 1), level=chance.of((0, 0, 0, 25, 50)))
    other = _face(chance, tongue, "sans") if chance.yes(0.25) else face
    left, ragged = chance.real(48, 96), 0.5 if face.role == "mono" else 5
    numbering, heads, feet = (NUMBERING, HEADS, FEET) if tongue is ENGLISH else (NUMBERING[:5], HEADS[:6], FEET[:4])
    return Style(
        paper=chance.weighed(PAPERS),
        body=body,
        heading=Type(other, body.size * chance.of((1, 1, 1.1, 1.25)), bold=chance.yes(0.8), level=body.level),
        leading=chance.weighed({1.12: 2, 1.2: 4, 1.35: 2, 1.6: 0.7, 2.1: 0.6}),
        align=chance.weighed({"justify": ragged, "left": 5}),
        margins=(left, chance.real(45, 90), left + chance.real(-12, 12), chance.real(50, 90)),
        numbering=chance.of(numbering),
        head=chance.of(heads),
        foot=chance.of(feet),
        indent=chance.of((0, 0, 24, 36)),
        gap=chance.of((0, 0.4, 0.6, 1.0)),
    )


@dataclass(slots=True)
class Draft:
    """What layouts draw on. They note on it whether they drew a `table` (no, simple, dense), and in `added` what
    people put there (hand, signature, stamp)."""

    sheet: Sheet
    matter: Matter
    style: Style
    chance: Chance
    kind: str
    title: str
    number: int = 1
    table: str = "no"
    added: set[str] = field(default_factory=set)
    facts: list[Fact] = field(default_factory=list)
    size: float = 0.0  # of the print most of the page is set in, points

    def say(self, term: str) -> str:
        """A label in the document's language."""
        return self.matter.tongue.say(term)

    def fill(self, template: str) -> str:
        """A text with its slots filled."""
        return fill(template, self.matter, self.chance)

    def tell(self, templates: Sequence[str], count: int) -> str:
        """So many sentences."""
        return sentences(templates, count, self.matter, self.chance)

    def set(self, text: str, y: float, kind: Type | None = None, align: str = "", indent: float = 0.0) -> float:
        """Set a paragraph across the text's width from a height on; return where the next line would start."""
        kind = kind or self.style.body
        return paragraph(self, text, kind, (self.left, y, self.right, self.bottom), align, indent)

    @property
    def left(self) -> float:
        """The left edge of the text in points."""
        return self.style.margins[0]

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.sheet.width - self.style.margins[2]

    @property
    def top(self) -> float:
        """Its top."""
        return self.style.margins[1]

    @property
    def bottom(self) -> float:
        """Its foot."""
        return self.sheet.height - self.style.margins[3]

    @property
    def width(self) -> float:
        """How wide the text is."""
        return self.right - self.left

    @property
    def pitch(self) -> float:
        """From baseline to baseline of the body, in points."""
        return self.style.body.size * self.style.leading

    def note(self, name: str, value: str, about: str = "") -> str:
        """Keep a fact that is being printed; return its value."""
        self.facts.append(Fact(name, value, about))
        return value


def running(draft: Draft) -> None:
    """Print the running head and foot."""
    places = {
        "title": draft.title, "number": draft.matter.number, "a": draft.matter.parties[0],
        "page": draft.number, "pages": draft.number + 7,
    }  # fmt: skip
    small = draft.style.body.sized(0.85)
    for text, y in ((draft.style.head, draft.top - 22), (draft.style.foot, draft.bottom + 26)):
        parts = [part.strip() for part in text.format(**places).split("|")]
        if len(parts) == 2:
            draft.sheet.line_of(parts[0][:60], (draft.left, y), small)
            draft.sheet.line_of(parts[1], (draft.right, y), small, "right")
        elif parts[0]:
            draft.sheet.line_of(parts[0][:70], ((draft.left + draft.right) / 2, y), small, "centre")


def paragraph(
    draft: Draft,
    text: str,
    kind: Type,
    box: tuple[float, float, float, float],
    align: str = "",
    indent: float = 0.0,
) -> float:
    """Set words line by line from the top of a box (points) until it is full; return where the next line starts."""
    x0, y, x1, bottom = box
    align, pitch, gap = align or draft.style.align, kind.size * draft.style.leading, draft.sheet.space(kind)
    line: list[tuple[str, float]] = []
    used = indent
    for word in pieces(text, kind):
        width = draft.sheet.measure(word, kind)
        if line and used + width > x1 - x0:
            if y + kind.size > bottom:
                return bottom
            _line(draft, line, kind, (x0 + indent, y + kind.size, x1, gap), align)
            y, line, used, indent = y + pitch, [], 0.0, 0.0
        line.append((word, width))
        used += width + gap
    if line and y + kind.size <= bottom:
        _line(draft, line, kind, (x0 + indent, y + kind.size, x1, gap), "left" if align == "justify" else align)
        return y + pitch
    return y if not line else bottom


def _line(
    draft: Draft, line: list[tuple[str, float]], kind: Type, place: tuple[float, float, float, float], align: str
) -> None:
    x, y, x1, gap = place
    spare = x1 - x - sum(width for _, width in line) - gap * (len(line) - 1)
    if align == "justify" and len(line) > 1:
        gap += max(0.0, spare / (len(line) - 1))
    elif align == "centre":
        x += spare / 2
    elif align == "right":
        x += spare
    for word, width in line:
        draft.sheet.word(word, (x, y), kind)
        x += width + gap
