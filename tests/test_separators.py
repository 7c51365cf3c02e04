"""Where a batch is cut: the rule as a table, and the sheets as they come off a scanner."""

from __future__ import annotations

import io
from pathlib import Path

import pdfs
import pymupdf
import pytest
from PIL import Image

from pipeline.errors import UsageError
from pipeline.inbox import sheets
from pipeline.inbox.separators import Mark, cut, print_sheets
from pipeline.inbox.sheets import PartJob, SheetsJob, marks, write_part
from pipeline.store import Store
from sample_docs.scanify import LEVELS, scanify


def pages(plan: str) -> list[Mark]:
    """A batch in letters: p page, b blank page, S sheet, A sheet of acme, ? something doubtful."""
    kinds = {"p": {}, "b": {"blank": True}, "S": {"sheet": True}, "A": {"sheet": True, "matter": "acme"}}
    kinds["?"] = {"doubt": "unclear"}
    return [Mark(number, **kinds[letter]) for number, letter in enumerate(plan, 1)]


@pytest.mark.parametrize(
    ("plan", "parts"),
    [
        ("ppp", ()),
        ("p", ()),
        ("bb", ()),
        ("pSpp", ((1, 1), (3, 4))),
        ("SppSp", ((2, 3), (5, 5))),
        ("pApAp", ((1, 1), (3, 3), (5, 5))),
        ("SpbSbp", ((2, 3), (5, 6))),
    ],
)
def test_cut(plan: str, parts: tuple[tuple[int, int], ...]) -> None:
    """Between sheets; the sheets themselves are in no document, and a batch without one stays whole."""
    assert cut(pages(plan), "acme").parts == parts
    assert cut(pages(plan), "acme").doubt == ""


@pytest.mark.parametrize(
    ("plan", "doubt"),
    [
        ("pSSp", "pages 2 and 3: two separator sheets"),
        ("pS", "page 2: a separator sheet with nothing behind it"),
        ("S", "page 1: a separator sheet with nothing behind it"),
        ("pSbSp", "page 3: nothing but blank pages"),
        ("pSp?p", "page 4: unclear"),
        ("p?p", "page 2: unclear"),
    ],
)
def test_a_doubt_cuts_nothing(plan: str, doubt: str) -> None:
    """The reason names the pages."""
    found = cut(pages(plan), "acme")
    assert found.parts == ()
    assert found.doubt.startswith(doubt)


def test_no_sheet_moves_pages_into_another_matter() -> None:
    """A sheet that names the folder's matter cuts; one that names another is a doubt, whatever its name is."""
    assert cut(pages("pAp"), "acme").parts
    assert "another matter" in cut(pages("pAp"), "brook").doubt
    assert "acme" not in cut(pages("pAp"), "brook").doubt


# ---- what is seen on a page


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheets") / "sheet.pdf"
    print_sheets(path, "acme")
    return path


def seen(path: Path) -> Mark:
    (mark,) = marks(SheetsJob(path, (1,)))
    return mark


def turned(path: Path, target: Path, degrees: int) -> Path:
    with pymupdf.open(path) as document:
        document[0].set_rotation(degrees)
        document.save(target)
    return target


@pytest.mark.parametrize("level", LEVELS)
def test_a_scanned_sheet_is_seen(sheet: Path, tmp_path: Path, level: str) -> None:
    """From every scanner that the samples know, however it lay on the glass."""
    scanify(sheet, tmp_path / "scan.pdf", level=LEVELS[level], seed=5)
    for degrees in (0, 90, 180, 270):
        mark = seen(turned(tmp_path / "scan.pdf", tmp_path / f"{degrees}.pdf", degrees))
        assert (mark.sheet, mark.matter, mark.doubt) == (True, "acme", "")


def drawn_over(sheet: Path, target: Path, *covers: tuple[float, float, float, float], text: str = "") -> Path:
    """The sheet with white paper over some of it, or with text on it, as an image."""
    with pymupdf.open(sheet) as document, pymupdf.open() as scan:
        for cover in covers:
            document[0].draw_rect(cover, color=None, fill=(1, 1, 1))
        if text:
            document[0].insert_textbox((60, 510, 540, 690), text, fontsize=7)
        image = document[0].get_pixmap(dpi=150, colorspace="gray").tobytes("png")
        scan.new_page(width=595, height=842).insert_image((0, 0, 595, 842), stream=image)
        scan.save(target)
    return target


TOP_PATCH, BOTTOM_PATCH, QR, HALF_QR = (0, 30, 595, 120), (0, 690, 595, 800), (0, 220, 595, 400), (300, 300, 380, 400)


def test_each_code_alone_is_enough(sheet: Path, tmp_path: Path) -> None:
    """A sheet of another maker with bars only, or with a barcode of PATCHT only, is one; so is one with a QR only."""
    assert seen(drawn_over(sheet, tmp_path / "bars.pdf", QR, BOTTOM_PATCH)) == Mark(1, sheet=True)
    assert seen(drawn_over(sheet, tmp_path / "bars2.pdf", QR, TOP_PATCH)) == Mark(1, sheet=True)
    assert seen(drawn_over(sheet, tmp_path / "qr.pdf", TOP_PATCH, BOTTOM_PATCH)) == Mark(1, True, "acme")
    assert seen(barcode(tmp_path / "code.pdf", "PATCHT")) == Mark(1, sheet=True)
    assert seen(barcode(tmp_path / "other.pdf", "4006381333931")) == Mark(1)


def barcode(path: Path, text: str) -> Path:
    import numpy as np
    import zxingcpp

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.Code128)
    out = io.BytesIO()
    Image.fromarray(np.array(code.to_image(scale=2))).save(out, "PNG")
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_image((100, 100, 400, 200), stream=out.getvalue())
        page.insert_text((100, 300), "Next document, please")
        document.save(path)
    return path


def test_what_is_half_readable_is_a_doubt(sheet: Path, tmp_path: Path) -> None:
    """A QR code with a sticker on it, on a page that has little else."""
    half = seen(drawn_over(sheet, tmp_path / "half.pdf", TOP_PATCH, BOTTOM_PATCH, HALF_QR))
    assert (half.sheet, half.doubt) == (False, "perhaps a separator sheet: its code can't be read")


def test_a_code_among_other_text_is_a_doubt(sheet: Path, tmp_path: Path) -> None:
    """A contract page on which somebody stuck a code is not dropped."""
    mark = seen(drawn_over(sheet, tmp_path / "text.pdf", text=pdfs.AGREEMENT))
    assert (mark.sheet, mark.doubt) == (False, "the code of a separator sheet on a page with other text")


def test_another_patch_code_is_a_doubt(tmp_path: Path) -> None:
    """Patch 2 means something to some scanners; here a person says what."""
    with pymupdf.open() as document:
        page, top = document.new_page(), 100.0
        for width in (0.2, 0.08, 0.08, 0.2):
            page.draw_rect((200, top, 380, top + width * 72), color=None, fill=(0, 0, 0))
            top += (width + 0.08) * 72
        document.save(tmp_path / "2.pdf")
    assert seen(tmp_path / "2.pdf").doubt == "a patch code that is not T"


def test_pages_of_contracts_are_no_sheets(tmp_path: Path) -> None:
    """Text, a table with rulings, and nothing at all."""
    with pymupdf.open(pdfs.scanned(tmp_path / "a.pdf", pdfs.AGREEMENT, "")) as document:
        page = document.new_page()
        for y in range(100, 700, 14):
            page.draw_line((60, y), (540, y), width=1 + y % 3)
        document.save(tmp_path / "b.pdf")
    text, blank, ruled = marks(SheetsJob(tmp_path / "b.pdf", (1, 2, 3)))
    assert (text, blank) == (Mark(1), Mark(2, blank=True))
    assert (ruled.sheet, ruled.doubt) == (False, "")


def test_a_text_layer_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A born-digital page costs a look at its text and no drawing."""
    monkeypatch.setattr(sheets, "_drawn", None)
    assert seen(pdfs.born_digital(tmp_path / "a.pdf", pdfs.AGREEMENT)) == Mark(1)


def test_a_part_has_its_pages_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Cut twice, it is one document."""
    path = pdfs.born_digital(tmp_path / "a.pdf", "one", "two", "three", "four")
    first, second = (write_part(PartJob(path, tmp_path / name, 2, 3)) for name in ("x", "y"))
    assert first == second
    with pymupdf.open(stream=Store(tmp_path / "x").read(first)) as part:
        assert [page.get_text().strip() for page in part] == ["two", "three"]


def test_a_sheet_that_cannot_be_written_or_named(tmp_path: Path) -> None:
    """No traceback for a folder that is not there or a matter that can't be one."""
    with pytest.raises(UsageError, match="can't be written"):
        print_sheets(tmp_path / "none" / "a.pdf")
    with pytest.raises(UsageError, match="matter"):
        print_sheets(tmp_path / "a.pdf", "a/b")
