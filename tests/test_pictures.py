"""Pictures become PDFs of the right size, the right way up, without a pixel changed; what is cut short or too large
does not."""

from __future__ import annotations

import io
from pathlib import Path

import pymupdf
import pytest
from pictures_made import DPI, SIZE, drawn, saved
from PIL import Image, ImageOps

from pipeline.errors import DocumentHeld
from pipeline.inbox.pictures import PictureJob, check, convert, is_picture
from pipeline.store import Store

MANY = 10**8
BACK = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF orientation to the Pillow transposition that it undoes


def as_pdf(path: Path, max_pages: int = 100, max_pixels: int = MANY) -> pymupdf.Document:
    store = Store(path.parent / "store")
    sha256 = convert(PictureJob(path, store.root, max_pages, max_pixels))
    return pymupdf.open(stream=store.read(sha256))


def shown(page: pymupdf.Page, dpi: int = DPI[0]) -> Image.Image:
    pixels = page.get_pixmap(dpi=dpi, colorspace="gray")
    return Image.frombytes("L", (pixels.width, pixels.height), pixels.samples)


def unlike(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of one size, in grey levels."""
    assert one.size == other.size
    pairs = zip(one.convert("L").tobytes(), other.convert("L").tobytes(), strict=True)
    return sum(abs(a - b) for a, b in pairs) / (one.width * one.height)


@pytest.mark.parametrize(
    ("name", "mode", "options", "coding"),
    [
        ("grey.jpg", "L", {}, "DCTDecode"),
        ("colour.jpg", "RGB", {}, "DCTDecode"),
        ("grey.png", "L", {}, "FlateDecode"),
        ("colour.png", "RGB", {}, "FlateDecode"),
        ("palette.png", "P", {}, "FlateDecode"),
        ("transparent.png", "RGBA", {}, "FlateDecode"),
        ("bilevel.png", "1", {}, "CCITTFaxDecode"),
        ("fax.tif", "1", {"compression": "group4"}, "CCITTFaxDecode"),
        ("fax3.tif", "1", {"compression": "group3"}, "CCITTFaxDecode"),
        ("lzw.tif", "RGB", {"compression": "tiff_lzw"}, "FlateDecode"),
        ("plain.tif", "L", {}, "FlateDecode"),
    ],
)
def test_a_picture_becomes_a_page_of_its_own_size(tmp_path, name, mode, options, coding):
    """Its resolution makes the page a letter sheet, and the page shows the picture's own pixels."""
    path = saved(tmp_path / name, mode, **options)
    with as_pdf(path) as document, Image.open(path) as picture:
        (page,) = document
        assert [round(edge) for edge in (page.rect.width, page.rect.height)] == [612, 792]
        (image,) = page.get_images()
        assert (image[2:4], image[8]) == (SIZE, coding)
        assert unlike(shown(page), picture.convert("RGB")) < 1.5
        assert not document.is_repaired


def test_a_jpeg_goes_in_as_it_is(tmp_path):
    """Not a byte of its code is made anew: a second JPEG coding would lose again."""
    path = saved(tmp_path / "a.jpg", quality=40)
    with as_pdf(path) as document:
        xref = document[0].get_images()[0][0]
        assert document.xref_stream_raw(xref) == path.read_bytes()


def test_a_tiff_of_several_pages(tmp_path):
    """Every page in its order."""
    with as_pdf(saved(tmp_path / "a.tif", "1", pages=4, compression="group4")) as document:
        assert len(document) == 4
        for number, page in enumerate(document, 1):
            assert unlike(shown(page), drawn("1", f"page {number}")) < 1.5


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    """Made twice, on different days too, it is one document."""
    path = saved(tmp_path / "a.tif", "L", pages=2)
    first, second = (convert(PictureJob(path, tmp_path / store, 9, MANY)) for store in ("one", "two"))
    assert first == second


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_obeyed(tmp_path, orientation):
    """However the camera was held, the page stands as the picture is meant."""
    image, exif = drawn(), Image.Exif()
    exif[0x0112] = orientation
    turned = image.transpose(BACK[orientation]) if orientation > 1 else image
    turned.save(tmp_path / "a.jpg", dpi=DPI, exif=exif)
    with as_pdf(tmp_path / "a.jpg") as document, Image.open(tmp_path / "a.jpg") as picture:
        assert unlike(shown(document[0]), ImageOps.exif_transpose(picture)) < 1.5
        assert unlike(shown(document[0]), image) < 5


@pytest.mark.parametrize(
    ("size", "dpi", "points"),
    [
        ((1700, 2200), (200, 200), (612, 792)),
        ((1728, 1078), (204, 98), (610, 792)),  # a standard fax: finer across than down
        ((3000, 4000), (72, 72), (631, 842)),  # a camera knows of no paper: an A4's height
        ((3000, 4000), None, (631, 842)),
        ((1700, 2200), (9999, 9999), (650, 842)),
        ((600, 600), (96, 96), (450, 450)),
    ],
)
def test_the_page_has_the_size_of_the_paper(tmp_path, size, dpi, points):
    """By the file's resolution, where paper can have that."""
    options = {"dpi": dpi} if dpi else {}
    Image.new("L", size, 255).save(tmp_path / "a.jpg", **options)
    with as_pdf(tmp_path / "a.jpg") as document:
        assert [round(edge) for edge in (document[0].rect.width, document[0].rect.height)] == list(points)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {}),
        ("a.png", {}),
        ("a.tif", {"compression": "group4", "mode": "1", "pages": 3}),
        ("b.tif", {"compression": "jpeg", "mode": "RGB", "pages": 2}),
        ("c.tif", {"mode": "L", "pages": 2}),
    ],
)
def test_a_picture_cut_anywhere_is_held(tmp_path, name, options):
    """No part of a picture passes for the whole, as long as more than padding is missing."""
    data = saved(tmp_path / name, **options).read_bytes()
    for length in {*range(8, len(data) - 16, max(len(data) // 50, 1)), len(data) - 17}:
        with pytest.raises(DocumentHeld, match="cut short"):
            check(io.BytesIO(data[:length]), 100, MANY)


def test_a_bomb_is_held_before_it_is_decoded(tmp_path):
    """A small file of 400 million pixels; one of more pages than allowed; neither is loaded."""
    bomb = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(bomb)
    assert bomb.stat().st_size < 200_000
    with bomb.open("rb") as opened, pytest.raises(DocumentHeld, match=r"400,000,000 pixels.*MAX_PICTURE_PIXELS"):
        check(opened, 100, MANY)
    with pytest.raises(DocumentHeld, match="more pages than the 3 allowed"):
        as_pdf(saved(tmp_path / "many.tif", pages=4), max_pages=3)


def test_a_tiff_whose_directories_run_in_a_circle_ends(tmp_path):
    """The last directory names the first as its next: its two pages are counted once."""
    data = bytearray(saved(tmp_path / "a.tif", "1", pages=2).read_bytes())
    first = place = int.from_bytes(data[4:8], "little")
    while place:
        end = place + 2 + 12 * int.from_bytes(data[place : place + 2], "little")
        place = int.from_bytes(data[end : end + 4], "little")
    data[end : end + 4] = first.to_bytes(4, "little")
    assert check(io.BytesIO(data), 100, MANY) == 2


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff\xe0 no JPEG \xff\xd9", b"\x89PNG\r\n\x1a\nIEND\xaeB`\x82", b"II*\0\x08\0\0\0"]
)
def test_what_only_begins_like_a_picture_is_held(data):
    """Whatever Pillow's parsers stumble over ends in one reason."""
    assert is_picture(data)
    with pytest.raises(DocumentHeld):
        check(io.BytesIO(data), 100, MANY)
