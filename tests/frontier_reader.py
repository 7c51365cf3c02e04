"""How the loopback model reads: the pages of a request as words, and what an honest model would say of them.

Images are read by OCR, once for each image of the process. Ink too faint for Tesseract is read in a second look,
with the dark ink taken away and the rest stretched: a vision model has better eyes than our OCR, and an attack
may count on that.
"""

import base64
import hashlib
import io
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from frontier_rules import blocks
from PIL import Image, ImageFilter

from pipeline.backends import ocr
from pipeline.backends.protocols import PageInput
from pipeline.backends.rules import RuleExtractor
from pipeline.types import Box, Finding, PageText, TextSource, Word

__all__ = ["Seen", "digest", "pages_of", "reported"]

DPI = 200.0
DARK, FAINT = 160, 252  # of 255: darker ink is read at once; lighter than the second is paper
LEAST = 0.001  # share of the page that is faint ink, under which nobody looks twice
ROLES = {"agreement_date": "agreement", "effective_date": "effective", "expiration_date": "expiration"}
READING = threading.Lock()  # one Tesseract engine, which two requests must not share


@dataclass(frozen=True, slots=True)
class Seen:
    """A page as the model has it: its words, what else it makes out there, and its neighbours' words."""

    number: int
    words: tuple[Word, ...]
    more: str = ""
    around: str = ""

    @property
    def text(self) -> str:
        """All it reads: the page, what is hard to see there, and the neighbours' words it was given with it."""
        return " ".join([*(word.text for word in self.words), self.more, self.around]).strip()


def digest(block: Mapping[str, Any]) -> str:
    """What names the content of a page's block, image or words, to whoever told the server what stands there."""
    if block["type"] == "image":
        return hashlib.sha256(base64.standard_b64decode(block["source"]["data"])).hexdigest()
    return hashlib.sha256(block["text"].encode()).hexdigest()


def pages_of(body: Mapping[str, Any], told: Mapping[str, str]) -> list[Seen]:
    """The pages a request asks about. `told` says, by digest, what sharper eyes than ours read on a page."""
    found: list[Seen] = []
    around: dict[int, list[str]] = {}
    number = 0
    for place, block in blocks(dict(body)):
        if not place.startswith("messages.0."):
            continue  # later turns only ask to mend the answer
        text = block.get("text", "")
        if match := re.fullmatch(r"Page (\d+)", text):
            number = int(match[1])
        elif match := re.match(r"(?:before|after) page (\d+)\b[^\n]*\n", text):
            around.setdefault(int(match[1]), []).append(text[match.end() :])
        elif block["type"] == "image":
            words, faint = _read(base64.standard_b64decode(block["source"]["data"]))
            found.append(Seen(number, words, f"{faint} {told.get(digest(block), '')}".strip()))
        elif match := re.match(r"page \d+, its words:\n", text):
            found.append(Seen(number, _typed(text[match.end() :]), told.get(digest(block), "")))
    return [Seen(one.number, one.words, one.more, " ".join(around.get(one.number, ()))) for one in found]


def _read(data: bytes) -> tuple[tuple[Word, ...], str]:
    with READING:
        return _read_once(hashlib.sha256(data).hexdigest(), data)


@lru_cache(maxsize=2000)
def _read_once(_: str, data: bytes) -> tuple[tuple[Word, ...], str]:
    image = Image.open(io.BytesIO(data)).convert("L")
    words = ocr.read_words(image, DPI, "eng", None)
    faint = _faint_alone(image)
    more = ocr.read_words(faint, DPI, "eng", None) if faint else ()
    return words, " ".join(word.text for word in more)


def _faint_alone(image: Image.Image) -> Image.Image | None:
    """The faint ink of a page as black on white; None when there is next to none."""
    dark = image.point(lambda value: 255 if value < DARK else 0).filter(ImageFilter.MaxFilter(9))
    faint = image.point(lambda value: 0 if value < FAINT else 255)
    faint.paste(255, mask=dark)
    faint = faint.filter(ImageFilter.MedianFilter(3))  # what JPEG left around letters
    return faint if faint.histogram()[0] > LEAST * image.width * image.height else None


def _typed(text: str) -> tuple[Word, ...]:
    lines = enumerate(text.split("\n"))
    return tuple(Word(word, Box(0, 0, 1, 1), 1.0, number) for number, line in lines for word in line.split())


def reported(seen: Seen) -> dict[str, Any]:
    """The page as an honest model that reads like our rules would answer."""
    text = PageText(seen.number, seen.words, TextSource.OCR, 0.9)
    found = RuleExtractor().extract([PageInput(None, None, text)])[0]  # type: ignore[arg-type]
    laws = [finding for finding in found if finding.field == "governing_law"]
    return {
        "page": seen.number,
        "readable": bool(seen.words),
        "record": _record(found),
        "clauses": [{"category": "Governing Law", "summary": "Which law governs.", "quote": law.quote} for law in laws],
    }


def _record(found: list[Finding]) -> dict[str, Any]:
    return {
        "document_type": {"kind": "unknown", "title": "", "quote": ""},
        "dates": [_item(f, role=ROLES[f.field], text=f.raw, iso=f.value) for f in _of(found, *ROLES)],
        "amounts": [_item(f, text=f.raw, currency=f.value[:3], purpose="") for f in _of(found, "amounts")],
        "parties": [_item(f, name=f.raw, role=f.detail.get("role", "")) for f in _of(found, "parties")],
        "key_obligations": [],
        "reference_numbers": [
            _item(f, label=f.detail.get("label", ""), number=f.raw) for f in _of(found, "reference_numbers")
        ],
    }


def _of(found: list[Finding], *names: str) -> Iterator[Finding]:
    return (finding for finding in found if finding.field in names)


def _item(finding: Finding, **values: str) -> dict[str, Any]:
    return {**values, "legible": True, "quote": finding.quote}
