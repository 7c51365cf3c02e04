"""Damage done to small PDFs, each a pure function of a seed: what a broken scanner, disk or attacker leaves.

Two ways: to the file's bytes, which mostly ends at its cross-reference table, and to its objects, which are then
written out with every offset right, so that the damage reaches fonts, images and drawing.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from infra.measure.nasties import Object, pdf

__all__ = ["Sample", "mutant", "samples"]

INBOX = Path(__file__).parents[2] / "sample_docs" / "inbox"
PRINT = (36, 500, 336, 720)  # points of a page that are kept, some lines of print, so that a case costs little
SCANNED = (100, 300, 900, 900)  # pixels of a scan that are kept
NUMBER, NAME = re.compile(rb"(?<![\w#])-?\d+\.?\d*"), re.compile(rb"/\w+")
REFERENCE, OPERATOR = re.compile(rb"\b\d+ 0 R\b"), re.compile(rb"(?<=[\s\])])[A-Za-z'\"]{1,3}\*?(?=\s)")
DATE = re.compile(rb"D:\d{14}")  # of comments and attachments: when the sample was made, not what it is
NUMBERS = b"0 -1 1 2 3 7 16 255 65535 65536 99999 2147483647 -2147483648 4294967296 1e38 .00001 -0 nan null".split()
NAMES = (
    b"/FlateDecode /DCTDecode /CCITTFaxDecode /JBIG2Decode /JPXDecode /LZWDecode /ASCII85Decode /RunLengthDecode "
    b"/DeviceGray /DeviceRGB /DeviceCMYK /Indexed /ICCBased /Separation /Pattern /Type0 /Type1 /Type3 /TrueType "
    b"/Form /Image /Page /Pages /Catalog /Kids /Parent /Count /Length /Filter /DecodeParms /MediaBox /CropBox /Rotate "
    b"/UserUnit /Contents /Resources /Annots /SMask /Mask /Decode /BitsPerComponent /Width /Height /Matrix /W /Crypt"
).split()
OPERATORS = b"q Q cm Do BT ET Tf Tj TJ Td Tm Tr re f S W n sh scn cs gs BI ID EI BMC EMC d0 d1".split()
MOST_WOUNDS = 4


@dataclass(frozen=True)
class Sample:
    """A small PDF: its bytes, and its objects, numbered from 1, with the number of the catalog."""

    name: str
    data: bytes
    objects: tuple[Object, ...]
    root: int


def samples() -> tuple[Sample, ...]:
    """Parts of pages of sample_docs: print, open print with a comment, a form field and an attachment, print in
    object streams, a scan that is one JPEG, a fax."""
    import pymupdf

    made = []
    for name, number, how in (
        ("novatek/consulting-agreement", 3, {"deflate": True}),
        ("novatek/consulting-agreement", 6, {"expand": True}),
        ("novatek/consulting-agreement", 1, {"deflate": True, "use_objstms": 1}),
        ("acme-lease/cover-letter", 2, {}),
        ("acme-lease/estoppel-fax", 1, {}),
    ):
        with pymupdf.open(INBOX / f"{name}.pdf") as source:
            document = _part(source, number - 1, rich="expand" in how)
        data = DATE.sub(b"D:20240101000000", document.tobytes(garbage=3, no_new_id=True, **how))
        with pymupdf.open("pdf", data) as written:
            made.append(Sample(f"{Path(name).name} {number}", data, _objects(written), written.pdf_catalog()))
    return tuple(made)


def _part(source: Any, index: int, *, rich: bool) -> Any:
    """A document of a part of one page."""
    import pymupdf

    part = pymupdf.open()
    images = source[index].get_images()
    if images and images[0][4] == 8:
        _place_scan(part, source.extract_image(images[0][0])["image"])
        return part
    part.insert_pdf(source, from_page=index, to_page=index)
    page = part[0]
    if not images:
        page.set_mediabox(pymupdf.Rect(PRINT))
    if rich:
        page.add_freetext_annot((20, 20, 200, 40), "a comment")
        field = pymupdf.Widget()
        field.field_name, field.field_type, field.rect = (
            "name",
            pymupdf.PDF_WIDGET_TYPE_TEXT,
            pymupdf.Rect(20, 50, 90, 70),
        )
        page.add_widget(field)
        part.embfile_add("note.txt", b"a note")
    return part


def _place_scan(document: Any, image: bytes) -> None:
    from PIL import Image

    from sample_docs.scanify import Scan, place

    out = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("L").crop(SCANNED).save(out, "JPEG", quality=70)
    size = SCANNED[2] - SCANNED[0], SCANNED[3] - SCANNED[1]
    place(document, Scan(out.getvalue(), "jpeg-grey", size, (size[0] * 72 / 200, size[1] * 72 / 200)))


def _objects(document: Any) -> tuple[Object, ...]:
    found: list[Object] = []
    for xref in range(1, document.xref_length()):
        value = document.xref_object(xref, compressed=True).encode("latin-1", "replace")
        if document.xref_is_stream(xref):
            found.append((re.sub(rb"/Length \d+", b"", value[2:-2]), document.xref_stream_raw(xref)))
        else:
            found.append(value)
    return tuple(found)


def mutant(made: Sequence[Sample], seed: str) -> tuple[str, bytes]:
    """What was done ("cover-letter 2: bits, cut") and the file it left. The same seed, the same file."""
    random = Random(seed)
    sample = random.choice(made)
    wounds = random.choices(BYTES if random.random() < 0.3 else OBJECTS, k=random.randint(1, MOST_WOUNDS))
    name = f"{sample.name}: {', '.join(wound.__name__.strip('_') for wound in wounds)}"
    if wounds[0] in BYTES:
        data = bytearray(sample.data)
        for wound in wounds:
            wound(data, random, made)
        return name, bytes(data)
    objects = list(sample.objects)
    for wound in wounds:
        wound(objects, random, made)
    return name, pdf(objects, sample.root)


# To the bytes of the file.


def _bits(data: bytearray, random: Random, _made: object) -> None:
    for _ in range(random.choice((1, 1, 4, 32))):
        if data:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _run(data: bytearray, random: Random, _made: object) -> None:
    """A sector that reads as zeros, as ones or as noise."""
    start, length = random.randrange(len(data) + 1), random.choice((1, 16, 512, 4096))
    length = min(length, len(data) - start)
    data[start : start + length] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))


def _cut(data: bytearray, random: Random, _made: object) -> None:
    """The end is missing, or a piece in the middle."""
    start = random.randrange(len(data) + 1)
    del data[start : random.choice((len(data), start + random.choice((1, 64, 4096))))]


def _splice(data: bytearray, random: Random, made: Sequence[Sample]) -> None:
    """A piece of another file."""
    other = random.choice(made).data
    start, length = random.randrange(len(other)), random.choice((20, 500, 20_000))
    at = random.randrange(len(data) + 1)
    data[at : at + random.choice((0, length))] = other[start : start + length]


def _repeat(data: bytearray, random: Random, _made: object) -> None:
    """A block that was written many times."""
    start, length = random.randrange(len(data) + 1), random.choice((1, 40, 1000))
    data[start:start] = data[start : start + length] * random.choice((2, 50, 400))


def _table(data: bytearray, random: Random, _made: object) -> None:
    """Wrong numbers in the cross-reference table or the trailer, of the same length: no other offset moves."""
    start = max(data.rfind(b"xref", 0, data.rfind(b"startxref")), len(data) - 2000, 0)
    for match in list(NUMBER.finditer(data, start)):
        if random.random() < 0.1:
            length = match.end() - match.start()
            data[match.start() : match.end()] = b"%0*d" % (length, random.randrange(10**length))


BYTES: tuple[Callable[..., None], ...] = (_bits, _run, _cut, _splice, _repeat, _table)


# To the objects, which are then written with right offsets.


def _number(objects: list[Object], random: Random, _made: object) -> None:
    _replace(objects, random, NUMBER, NUMBERS)


def _name(objects: list[Object], random: Random, _made: object) -> None:
    _replace(objects, random, NAME, NAMES)


def _operator(objects: list[Object], random: Random, _made: object) -> None:
    _replace(objects, random, OPERATOR, OPERATORS)


def _reference(objects: list[Object], random: Random, _made: object) -> None:
    """An object that stands for another one: loops, and fonts that are pages."""
    _replace(objects, random, REFERENCE, [b"%d 0 R" % random.randint(1, len(objects) + 1)])


def _replace(objects: list[Object], random: Random, pattern: re.Pattern[bytes], by: Sequence[bytes]) -> None:
    """Replace a match in a random object that has one, in its dictionary or in its stream."""
    for at in random.sample(range(len(objects)), len(objects)):
        one = objects[at]
        parts = list(one) if isinstance(one, tuple) else [one]
        which = random.randrange(len(parts))
        if matches := list(pattern.finditer(parts[which][:5000])):
            match = random.choice(matches)
            parts[which] = parts[which][: match.start()] + random.choice(by) + parts[which][match.end() :]
            objects[at] = (parts[0], parts[1]) if len(parts) == 2 else parts[0]
            return


def _stream(objects: list[Object], random: Random, made: Sequence[Sample]) -> None:
    """Damage inside one stream: its dictionary still describes it."""
    if streams := [at for at, one in enumerate(objects) if isinstance(one, tuple)]:
        at = random.choice(streams)
        head, body = objects[at]
        data = bytearray(body)
        random.choice(BYTES)(data, random, made)
        objects[at] = (head, bytes(data))  # type: ignore[arg-type]


def _swap(objects: list[Object], random: Random, made: Sequence[Sample]) -> None:
    """Another object in the place of this one, perhaps of another file."""
    others = random.choice((objects, random.choice(made).objects))
    objects[random.randrange(len(objects))] = random.choice(others)


def _drop(objects: list[Object], random: Random, _made: object) -> None:
    objects[random.randrange(len(objects))] = b"null"


OBJECTS: tuple[Callable[..., None], ...] = (
    _number, _number, _name, _operator, _reference, _stream, _stream, _swap, _drop,
)  # fmt: skip
