"""Hostile PDFs made here, one a way of hurting a reader: bombs, loops, absurd sizes, endless drawing.

None holds anything but blanks, zeros and numbers; unpacked or believed, each would take gigabytes or hours.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["pdf", "unpack", "write"]

CATALOG, TREE = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>"
PAGE += b"/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>/Pattern<</P 5 0 R>>/Shading<</S 5 0 R>>>>>>"
FORM = b"/Type/XObject/Subtype/Form/BBox[0 0 612 792]"
WORDS = b"BT /F 1 Tf %d %d Td (whereas the parties agree ) Tj ET\n"
Object = bytes | tuple[bytes, bytes]  # a value, or the inside of a dictionary and its stream


def pdf(objects: Sequence[Object], root: int = 1) -> bytes:
    """A PDF of these objects, numbered from 1, the catalog being `root`; offsets and lengths are right."""
    out, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, one in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, _value(one))
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(offsets) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(offsets) + 1, root, start)
    return bytes(out)


def _value(one: Object) -> bytes:
    if isinstance(one, bytes):
        return one
    head, body = one
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (head, len(body), body)


def _page(content: bytes | tuple[bytes, bytes], *more: Object, page: bytes = PAGE) -> bytes:
    drawn = content if isinstance(content, tuple) else (b"", content)
    return pdf([CATALOG, TREE, page, drawn, *more])


def _boxed(box: bytes) -> bytes:
    return _page(b"0 0 99 99 re f", page=PAGE.replace(b"0 0 612 792", box))


def _zeros(mebibytes: int) -> bytes:
    """That many MiB of zeros, deflated: one block, ended so that it can stand any number of times."""
    packer = zlib.compressobj(9)
    start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    last = b"\x03\0"  # an empty final block
    adler = (mebibytes << 20) % 65521 << 16 | 1
    return start + block * mebibytes + last + adler.to_bytes(4, "big")


def _nested_forms(depth: int, fan: int) -> bytes:
    """Each form draws the next one `fan` times: fan ** depth drawings from a few hundred bytes."""
    forms = [(FORM + b"/Resources<</XObject<</X %d 0 R>>>>" % (6 + level), b"/X Do " * fan) for level in range(depth)]
    last = (FORM, b"0 0 9 9 re f " * 50)
    return _page(b"/X Do", *forms, last)


def _image(width: int, height: int, bits: int, data: bytes, filters: bytes) -> bytes:
    head = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceGray/BitsPerComponent %d" % (
        width, height, bits,
    )  # fmt: skip
    return _page(b"612 0 0 792 0 0 cm /X Do", (head + filters, data))


def _tiles() -> bytes:
    tile = b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.001/YStep 0.001/Resources<<>>"
    return _page(b"/Pattern cs /P scn 0 0 612 792 re f", (tile, b"0 0 1 1 re f"))


def _loop_of_pages() -> bytes:
    return pdf([CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 9>>", b"<</Type/Pages/Kids[2 0 R 3 0 R]/Count 9>>"])


def _many_pages(count: int) -> bytes:
    kids = b" ".join([b"3 0 R"] * count)
    page = PAGE.replace(b"/Contents 4 0 R", b"")
    return pdf([CATALOG, b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, count), page])


def _predictor() -> bytes:
    parms = b"/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 2147483647/Colors 4/BitsPerComponent 16>>"
    return _image(9000, 9000, 8, _zeros(1), parms)


def _nasties() -> Mapping[str, bytes]:
    flate, twice = b"/Filter/FlateDecode", b"/Filter[/FlateDecode/FlateDecode]"
    whole = _page(b"BT /F 12 Tf 72 700 Td (This page was cut short on its way.) Tj ET " * 200)
    return {
        "bomb-content": _page((flate, _zeros(4096))),
        "bomb-content-twice": _page((twice, zlib.compress(_zeros(4096)))),
        "bomb-image": _image(60_000, 60_000, 8, zlib.compress(_zeros(3600)), twice),
        "bomb-image-1-bit": _image(200_000, 200_000, 1, _zeros(64), flate),
        "bomb-predictor": _predictor(),
        "forms-without-end": _nested_forms(12, 10),
        "form-draws-itself": _page(b"/X Do", (FORM + PAGE[PAGE.index(b"/Resources") : -2], b"/X Do")),
        "tiles-without-end": _tiles(),
        "text-without-end": _page((flate, zlib.compress(WORDS % (50, 50) * 1_000_000))),
        "text-dense": _page((flate, zlib.compress(b"".join(WORDS % (n // 700, n % 700) for n in range(15_000))))),
        "brackets-nested": _page(b"[" * 1_000_000),
        "states-pushed": _page(b"q " * 2_000_000),
        "object-nested": pdf([CATALOG, TREE, PAGE[:-2] + b"/A" + b"[" * 200_000 + b"]" * 200_000 + b">>", (b"", b"")]),
        "pages-loop": _loop_of_pages(),
        "pages-many": _many_pages(30_000),
        "pages-claimed": pdf([CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", PAGE, (b"", b"")]),
        "page-huge": _boxed(b"0 0 9e9 9e9"),
        "page-flat": _boxed(b"0 0 612 0"),
        "page-of-nan": _boxed(b"0 0 nan inf"),
        "page-without-box": _page(b"0 0 9 9 re f", page=PAGE.replace(b"/MediaBox[0 0 612 792]", b"")),
        "length-wrong": whole.replace(b"/Length ", b"/Length 9999999"),
        "cut-short": whole[: len(whole) * 2 // 3],
        "header-alone": b"%PDF-1.7\n",
        "empty": b"",
        "no-pdf": b"MZ\x90\0" + bytes(4000),
    }  # fmt: skip


def write(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Write them all (5 MB), or those of these names, as `made-NAME.pdf`."""
    made = []
    for name, data in _nasties().items():
        if not names or name in names:
            made.append(folder / f"made-{name}.pdf")
            made[-1].write_bytes(data)
    return made


def unpack(job: tuple[Path, Path, int]) -> None:
    """Runs in a worker: unpack a gzip file into another, a little past so many MiB at most."""
    source, target, most = job
    with gzip.open(source) as packed, target.open("wb") as out:
        while out.tell() <= most << 20 and (chunk := packed.read(1 << 20)):
            out.write(chunk)
