"""A page set anew as a sheet of its lines: every word on it, at one height, whatever the page was like."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from infra.train.pages import Wanted, make
from infra.train.retriever_data import set_page
from infra.train.retriever_recipe import PRESETS
from pipeline.backends.sheet import Line, Sheet, Size, set_sheet
from pipeline.backends.sheet_processor import SheetImageProcessor

SIZE = Size(64, 32, 1024)
PROSE = ["The Tenant shall pay rent monthly", "in advance on the first day of", "every month without set-off."]


def page(lines: list[str], size: int = 24, at: tuple[int, int] = (150, 200), wide: int = 1275) -> Image.Image:
    """Lines of print on white paper, at 150 dpi."""
    image = Image.new("L", (wide, 1650), 255)
    font = ImageFont.load_default(size)
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((at[0], at[1] + row * 2 * size), line, 0, font)
    return image


def ink(sheet: Sheet) -> list[tuple[int, int]]:
    """The rows of the highest and lowest ink on each line's place."""
    rows = []
    for line in sheet.lines:
        dark = np.flatnonzero((sheet.pixels[line.strip, :, line.left : line.right] < 128).any(1))
        rows.append((int(dark[0]), int(dark[-1])))
    return rows


def test_each_line_stands_by_itself_in_reading_order():
    """One behind the other, none over another, on as few strips as they need."""
    sheet = set_sheet(page(PROSE), SIZE)
    assert len(sheet.lines) == 3
    assert [line.box[1] for line in sheet.lines] == sorted(line.box[1] for line in sheet.lines)
    for before, after in zip(sheet.lines, sheet.lines[1:], strict=False):
        assert (after.strip, after.left) > (before.strip, before.left)
        assert after.strip > before.strip or after.left > before.right
    used = max(line.strip for line in sheet.lines) + 1
    assert (sheet.pixels[used:] == 255).all()


@pytest.mark.parametrize("size", [16, 24, 40, 72])
def test_print_of_any_size_comes_to_one_height(size: int):
    """Letters fill their strip but for a margin."""
    for top, bottom in ink(set_sheet(page(PROSE[:2], size), SIZE)):
        assert top <= 6
        assert bottom >= 25


@pytest.mark.parametrize("angle", [-8.0, -3.0, -1.0, 2.0])
def test_a_page_askew_is_set_straight(angle: float):
    """The lean is found, no line is cut in two by it, and places on the page lead to places on the sheet."""
    text = [*PROSE, *PROSE, *PROSE]
    sheet = set_sheet(page(text).rotate(angle, Image.Resampling.BICUBIC, fillcolor=255), SIZE)
    assert sheet.lean == pytest.approx(-angle, abs=0.3)
    assert len(sheet.lines) == len(text)
    x, y = sheet.straight(0.5, 0.5)
    assert (x, y) == (pytest.approx(0.5), pytest.approx(0.5))


def test_a_line_wider_than_a_strip_is_cut_between_words():
    """Its parts fill strips, and at their ends is paper."""
    sheet = set_sheet(
        page(
            ["a sentence of so many words that it runs on over all of this wide page to its very end"],
            30,
            (50, 400),
            1500,
        ),
        SIZE,
    )
    assert len(sheet.lines) > 1
    for line in sheet.lines:
        shown = sheet.pixels[line.strip, :, line.left : line.right]
        assert shown[:, 0].min() > 128
        assert shown[:, -1].min() > 128


def test_rulings_and_solid_areas_are_no_lines():
    """Of a ruled box with a word in it the word is left."""
    image = page(["Amount"], at=(300, 500))
    draw = ImageDraw.Draw(image)
    draw.rectangle([200, 450, 1000, 600], outline=0, width=3)
    draw.rectangle([200, 900, 1000, 1200], fill=0)
    sheet = set_sheet(image, SIZE)
    assert len(sheet.lines) == 1
    left, top, right, bottom = sheet.lines[0].box
    assert left * 1275 == pytest.approx(300, abs=12)
    assert right < 0.4
    assert 480 < top * 1650 < bottom * 1650 < 560


def test_lone_numbers_of_a_table_are_found():
    """A digit by itself, far from all print, is a line."""
    image = page(["Description of the goods"], at=(100, 300))
    ImageDraw.Draw(image).text((1000, 300), "47", 0, ImageFont.load_default(24))
    assert len(set_sheet(image, SIZE).lines) == 2


@pytest.mark.parametrize(
    "image",
    [Image.new("L", (1275, 1650), 255), Image.new("RGB", (40, 30), "white"), Image.new("1", (1, 1), 1)],
    ids=["paper", "small", "pixel"],
)
def test_a_page_without_print_is_a_white_sheet(image: Image.Image):
    """No line, nothing left out."""
    sheet = set_sheet(image, SIZE)
    assert (sheet.pixels == 255).all()
    assert (sheet.lines, sheet.left_out) == ((), 0)


def test_a_page_with_more_than_a_sheet_holds_is_narrowed_and_then_told_of():
    """First all of it is set narrower; what finds no room even then is counted."""
    text = [" ".join(PROSE)] * 30
    assert set_sheet(page(text, 24, (40, 40)), SIZE).left_out == 0
    roomy, narrow = (set_sheet(page(text, 24, (40, 40)), Size(strips, 32, 1024)) for strips in (64, 40))
    assert narrow.left_out == 0
    assert sum(line.right - line.left for line in narrow.lines) < sum(line.right - line.left for line in roomy.lines)
    assert set_sheet(page(text, 24, (40, 40)), Size(4, 32, 1024)).left_out > 0


def test_print_that_finds_no_room_is_said_in_the_log(caplog: pytest.LogCaptureFixture):
    """How much of it, and nothing of what it says; a page that fits is not spoken of."""
    text = [" ".join(PROSE)] * 30
    SheetImageProcessor().preprocess(page(PROSE))
    assert not caplog.records
    SheetImageProcessor(strips=4).preprocess([page(text, 24, (40, 40))])
    (record,) = caplog.records
    assert "more print than its sheet holds" in record.message
    assert not any(word in record.message for word in PROSE[0].split() if len(word) > 4)


def test_faint_print_is_as_dark_as_any():
    """Grey print on grey paper stands on the sheet as black on white."""
    faint = Image.fromarray((np.asarray(page(PROSE)) * (90 / 255) + 120).astype(np.uint8))
    sheet = set_sheet(faint, SIZE)
    assert len(sheet.lines) == 3
    for line in sheet.lines:
        shown = sheet.pixels[line.strip, :, line.left : line.right]
        assert shown.min() < 60
        assert np.median(shown) > 240


@pytest.mark.parametrize("solid", [False, True], ids=["print alone", "beside a chart's dark bar"])
def test_print_is_found_on_a_washed_out_grainy_scan(solid: bool):
    """Print a tenth darker than its grey paper, in a scanner's grain: each line by itself, as from a good scan."""
    grey = np.asarray(page(PROSE)) * (22 / 255) + 150
    if solid:
        grey[1000:1400, 300:600] = 40
    grain = np.random.default_rng(3).normal(0, 4, grey.shape)
    sheet = set_sheet(Image.fromarray(np.clip(grey + grain, 0, 255).astype(np.uint8)), SIZE)
    good = set_sheet(page(PROSE), SIZE)
    assert [line.box for line in sheet.lines] == [pytest.approx(line.box, abs=0.01) for line in good.lines]


def test_dust_on_white_paper_is_no_print():
    """Scattered dark pixels around and on the lines leave them what they are."""
    image = np.asarray(page(PROSE * 4)).copy()
    image[np.random.default_rng(5).random(image.shape) < 0.004] = 0
    sheet = set_sheet(Image.fromarray(image), SIZE)
    tall = [line.box[3] - line.box[1] for line in sheet.lines if line.box[2] - line.box[0] > 0.1]
    assert len(tall) == len(PROSE * 4)
    assert max(tall) * 1650 < 48


def test_a_stamp_over_some_lines_ties_them_to_none():
    """A ring that crosses lines leaves each a line of its own."""
    image = page([" ".join(PROSE[:2])] * 8, 24, (100, 200))
    ImageDraw.Draw(image).ellipse([500, 150, 800, 450], outline=0, width=4)
    high = [line.box[3] - line.box[1] for line in set_sheet(image, SIZE).lines if line.box[2] - line.box[0] > 0.2]
    assert len(high) >= 8
    assert max(high) * 1650 < 48


def test_what_is_said_of_a_cell_lies_where_its_print_stood():
    """The cell of a word lights up its place on the page, and only that."""
    said = np.zeros((4, 16), np.float32)
    said[1, 3] = 1.0
    lines = (Line((0.1, 0.2, 0.9, 0.3), 0, 0, 800), Line((0.2, 0.6, 0.8, 0.7), 1, 0, 1024))
    sheet = Sheet(np.full((4, 32, 1024), 255, np.uint8), lines, 0.0, 0.75)
    laid = sheet.spread(said)
    (down, across) = ((np.stack(np.nonzero(laid)) + 0.5).T / laid.shape).T
    assert 0.6 <= down.min() <= down.max() <= 0.7
    assert 0.2 + 0.6 * 3 / 16 <= across.min() <= across.max() <= 0.2 + 0.6 * 4 / 16


def test_words_of_generated_pages_stand_on_their_sheets():
    """Of the print on clean pages nearly all is found, and the ink is where a word's place says it is."""
    recipe, seen, printed, inked = PRESETS["cpu"], 0, 0, []
    for index in (8, 12):
        page = set_page(5, index, recipe)
        printed += sum(not word.hand for word in make(5, index, Wanted(dpi=recipe.dpi, rotate=False)).words)
        seen += len(page.words)
        for word in page.words:
            shown = page.pixels[int(word.y0) : int(word.y1), int(word.x0) : int(word.x1) + 1]
            inked.append(shown.size > 0 and shown.min() < 128)
    assert seen > 0.6 * printed
    assert np.mean(inked) > 0.97
