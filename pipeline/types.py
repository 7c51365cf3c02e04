"""What flows along the road of a page: frozen dataclasses and the enums they speak in.

Pages count from 1. Boxes are fractions of the *upright* page image (0..1, origin top left), whatever
the PDF's own rotation, crop or skew; `PageImage.to_pdf` maps such a point back to the PDF page. Every
type here round-trips through JSON by pydantic's `TypeAdapter`, because stage results are kept in the
catalog; pixels and vectors therefore never appear in them, only the SHA-256 of a blob in the store.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "Affine",
    "Answer",
    "Box",
    "Document",
    "DocumentStatus",
    "FieldStatus",
    "Finding",
    "Origin",
    "PageImage",
    "PageOutcome",
    "PageStatus",
    "PageText",
    "Route",
    "SearchFilter",
    "SearchHit",
    "Signals",
    "TextSource",
    "Triage",
    "Verdict",
    "Word",
]


class Route(StrEnum):
    """Where triage sends a page: what has to look at it."""

    BLANK = "blank"
    TEXT = "text"
    LOCAL = "local"
    FRONTIER = "frontier"


class PageStatus(StrEnum):
    """How a page ended. No page is without one once its document is done."""

    EXTRACTED = "extracted"
    BLANK = "blank"
    AWAITING = "awaiting escalation"
    HELD = "held"
    REJECTED = "rejected"


class DocumentStatus(StrEnum):
    """Where a document stands: `received` until its last page has a status."""

    RECEIVED = "received"
    DONE = "done"
    AWAITING = "awaiting escalation"
    HELD = "held"
    REJECTED = "rejected"


class TextSource(StrEnum):
    """Where a page's words come from."""

    LAYER = "text layer"
    OCR = "ocr"
    NONE = "none"


class FieldStatus(StrEnum):
    """Whether a value may be relied on: `verified` means its quote stands in the page's visible words."""

    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the upright page image."""

    left: float
    top: float
    right: float
    bottom: float

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True, slots=True)
class Affine:
    """The map (x, y) -> (a·x + c·y + e, b·x + d·y + f), written as PDF and PyMuPDF write a matrix."""

    a: float = 1.0
    b: float = 0.0
    c: float = 0.0
    d: float = 1.0
    e: float = 0.0
    f: float = 0.0

    def apply(self, x: float, y: float) -> tuple[float, float]:
        """The image of one point."""
        return self.a * x + self.c * y + self.e, self.b * x + self.d * y + self.f

    def then(self, after: Affine) -> Affine:
        """The map that applies `self` first and `after` second."""
        return Affine(
            self.a * after.a + self.b * after.c,
            self.a * after.b + self.b * after.d,
            self.c * after.a + self.d * after.c,
            self.c * after.b + self.d * after.d,
            self.e * after.a + self.f * after.c + after.e,
            self.e * after.b + self.f * after.d + after.f,
        )

    def inverse(self) -> Affine:
        """The map back; raises `ZeroDivisionError` when the map flattens the plane."""
        det = self.a * self.d - self.b * self.c
        a, b, c, d = self.d / det, -self.b / det, -self.c / det, self.a / det
        return Affine(a, b, c, d, -(self.e * a + self.f * c), -(self.e * b + self.f * d))


@dataclass(frozen=True, slots=True)
class Document:
    """One intake: the same bytes in the same matter are the same document (and the same `id`)."""

    id: str
    matter: str
    name: str
    sha256: str
    status: DocumentStatus = DocumentStatus.RECEIVED
    reason: str = ""
    page_count: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """What a document was made of, where that is not its own bytes: a file in the store, and which of its pages
    ("3-7"; "": all of it)."""

    sha256: str
    pages: str = ""


@dataclass(frozen=True, slots=True)
class PageImage:
    """The upright image of a page, kept as a blob in the store, and how it came to be.

    `to_pdf` maps fractions of this image to the PDF page in PyMuPDF's coordinates (points, origin top
    left, /Rotate and crop box applied: the space of `page.rect`; what `page.get_text` reports of a page with
    /Rotate gets there by `page.rotation_matrix`). `rotation` is the
    clockwise quarter turn in degrees that put the page upright, `skew` the degrees then taken out.
    `ink` is the share of dark pixels, `contrast` the grey-level spread between ink and paper (0..1),
    `rules` the number of long straight ruling lines (tables, forms). `damaged`: a part of the page could not
    be drawn, because its content is damaged. `look` is its perceptual hash (see `pipeline.inbox.prints`), "" if it
    shows next to nothing.
    """

    number: int
    sha256: str
    media_type: Literal["image/jpeg", "image/png"]
    width: int
    height: int
    dpi: float
    to_pdf: Affine
    rotation: int = 0
    skew: float = 0.0
    ink: float = 0.0
    contrast: float = 0.0
    rules: int = 0
    source: Literal["embedded", "rendered"] = "rendered"
    damaged: bool = False
    look: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """One visible word. `confidence` is 0..1 (1.0 from a text layer); words of one `line` share its number."""

    text: str
    box: Box
    confidence: float = 1.0
    line: int = 0

    def rounded(self) -> Word:
        """To five decimals: a thirtieth of a pixel on a page of 300 dpi."""
        box = Box(*(round(edge, 5) for edge in (self.box.left, self.box.top, self.box.right, self.box.bottom)))
        return Word(self.text, box, round(self.confidence, 5), self.line)


@dataclass(frozen=True, slots=True)
class PageText:
    """The words a reader can see on the page, in reading order, and what was noticed while reading.

    `confidence` is the mean word confidence (0..1; 0 without words). `language` is an ISO 639-1 code or
    "" when the page has too few words to tell; `script` a Tesseract script name or "". `layer` says what
    became of the PDF's own text: none there, trusted, thin (a stamp over a scan), garbage, or invisible.
    `agreement` is the share of text-layer words that OCR saw too, where both were read. `hidden` counts
    text-layer words left out because no reader can see them. `unread_ink` is the share of the page's ink,
    ruling lines apart, that lies outside every word's box: pictures, stamps, signatures, handwriting OCR
    gave up on. `pen`, `holes`, `solid` and `dust` are the page's
    `pipeline.strokes.Marks`.
    """

    number: int
    words: tuple[Word, ...]
    source: TextSource
    confidence: float = 0.0
    language: str = ""
    script: str = ""
    layer: Literal["none", "trusted", "thin", "garbage", "invisible"] = "none"
    agreement: float | None = None
    hidden: int = 0
    unread_ink: float = 0.0
    notes: tuple[str, ...] = ()
    pen: float = 0.0
    holes: float = 0.0
    solid: float = 0.0
    dust: float = 0.0

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type[PageText], handler: GetCoreSchemaHandler) -> CoreSchema:
        """As JSON its words stand in columns."""
        from pipeline.page_words import in_columns

        return in_columns(handler(source))

    @property
    def text(self) -> str:
        """The words joined by blanks, lines by newlines."""
        lines: dict[int, list[str]] = {}
        for word in self.words:
            lines.setdefault(word.line, []).append(word.text)
        return "\n".join(" ".join(line) for line in lines.values())


@dataclass(frozen=True, slots=True)
class Signals:
    """The cheap measurements the routing policy decides on, all computed without a model.

    Named as in `PageImage`, `PageText` and `pipeline.strokes.Marks`; `cells` stand in the rows of tables.
    """

    ink: float
    contrast: float
    dpi: float
    skew: float
    rotation: int
    words: int
    source: TextSource
    confidence: float
    low_confidence_share: float = 0.0
    unread_ink: float = 0.0
    rules: int = 0
    hidden: int = 0
    language: str = ""
    script: str = ""
    agreement: float | None = None
    pen: float = 0.0
    holes: float = 0.0
    solid: float = 0.0
    dust: float = 0.0
    cells: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A classifier's answer to one question: the likeliest allowed label and its probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """All answers of the small VLM about one page, by question (`kind`, `handwriting`, `stamp`, ...)."""

    answers: dict[str, Answer] = dataclasses.field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True, slots=True)
class Triage:
    """Where the page goes and why, in words a person can read."""

    number: int
    route: Route
    reasons: tuple[str, ...]
    signals: Signals
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One value read from one page by one extractor; `boxes` and `status` are set by grounding only.

    `field` names the schema field (`governing_law`, `parties`, `clauses`, ...), `raw` is the value as it
    stands on the page, `value` its normalised form (ISO date, "USD 1250.00", canonical name), `detail`
    what the schema keeps beside it (role, purpose, clause category). `quote` is verbatim.
    """

    field: str
    page: int
    raw: str
    value: str
    quote: str
    confidence: float
    extractor: str
    detail: dict[str, str] = dataclasses.field(default_factory=dict)
    boxes: tuple[Box, ...] = ()
    status: FieldStatus = FieldStatus.UNVERIFIED


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """How one page ended, for the report and the catalog."""

    number: int
    route: Route | None
    reasons: tuple[str, ...]
    status: PageStatus


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What a search is confined to. `matters=None` is every matter; an empty tuple is none at all. `matters` is the
    wall, `matter` a choice inside it.

    `dated_from` and `dated_to` are ISO dates compared with the document's agreement or effective date; `law` is a
    governing law as records name it; a document has an amount between `amount_from` and `amount_to`, in whatever
    currency.
    """

    matters: tuple[str, ...] | None = None
    matter: str | None = None
    kind: str | None = None
    party: str | None = None
    dated_from: str | None = None
    dated_to: str | None = None
    documents: tuple[str, ...] | None = None
    law: str | None = None
    amount_from: float | None = None
    amount_to: float | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One page that answers a query, with the passage and where it stands on the scan."""

    document: str
    name: str
    matter: str
    page: int
    score: float
    quote: str
    boxes: tuple[Box, ...] = ()
    kind: str = ""
    date: str = ""
