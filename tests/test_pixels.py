"""Ink, paper, ruling lines and the cleaning of a page, on drawn pages."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.pixels import contrast, even_out, rulings, shrink, uneven


@pytest.fixture
def sheet():
    """White paper at 200 dpi with rows of short strokes."""
    image = Image.new("L", (1700, 2200), 255)
    draw = ImageDraw.Draw(image)
    for y in range(300, 1500, 60):
        for x in range(200, 1500, 24):
            draw.rectangle((x, y, x + 4, y + 22), fill=20)
    return image


def shaded(image):
    light = np.linspace(0.5, 1.0, image.width)[None, :]
    return Image.fromarray((np.asarray(image) * light).astype(np.uint8))


def test_ink_is_what_is_darker_than_its_paper(sheet):
    """The same strokes are found on white paper and in a shadow, and a shadow alone is no ink."""
    white, dim = shrink(sheet, 200), shrink(shaded(sheet), 200)
    assert dim.share == pytest.approx(white.share, rel=0.1)
    assert shrink(shaded(Image.new("L", sheet.size, 255)), 200).share == 0
    assert contrast(white) > contrast(dim) > 0.3


def test_faint_print_is_ink_and_what_shows_through_is_not(sheet):
    """Where the darkest of a page is faint, it is still its ink; on a page of bleed-through nothing is."""

    def faded(ink):
        return Image.fromarray((ink + np.asarray(sheet) / 255 * (230 - ink)).astype(np.uint8))

    assert shrink(faded(190), 200).share > 0.5 * shrink(sheet, 200).share
    assert shrink(faded(210), 200).share == 0


def test_the_small_copy_stays_small():
    """A page of absurd size or resolution is brought down all the same."""
    assert max(shrink(Image.new("L", (9000, 400), 255), 20).gray.shape) <= 1500


def test_dust_and_dark_borders_are_no_ink():
    """Single specks and what touches the page's edge are left out."""
    image = Image.new("L", (1700, 2200), 240)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 14, 2199), fill=10)
    for n in range(50):
        image.putpixel((200 + n * 20, 300 + n * 30), 0)
    assert shrink(image, 200).share == 0


def test_ruling_lines_are_counted_and_marked(sheet):
    """A grid is found line by line, its pixels and no others; a thick bar is none."""
    draw = ImageDraw.Draw(sheet)
    for y in (1700, 1800, 1900):
        draw.line((200, y, 1500, y), fill=0, width=3)
    for x in (200, 850, 1500):
        draw.line((x, 1700, x, 2150), fill=0, width=3)
    draw.rectangle((200, 100, 1500, 160), fill=0)
    small = shrink(sheet, 200)
    found = rulings(small)
    assert found.count == 6
    assert found.mask[845:].sum() == pytest.approx(small.ink[845:].sum(), rel=0.05)
    assert not found.mask[120:800].any()


def test_uneven_paper_is_told_from_white(sheet):
    """White paper needs no cleaning; shade and grey do."""
    assert not uneven(shrink(sheet, 200))
    assert uneven(shrink(shaded(sheet), 200))
    assert uneven(shrink(sheet.point(lambda level: level * 0.8), 200))


def test_softer_cleaning_spares_fainter_strokes():
    """A stroke nearly as light as its paper goes in the first cleaning and is seen in the softer one."""
    image = Image.new("L", (1700, 2200), 200)
    draw = ImageDraw.Draw(image)
    for y in range(300, 1900, 30):
        draw.rectangle((200, y, 1400, y + 8), fill=60)
    draw.rectangle((200, 2000, 1400, 2030), fill=193)
    first, second = (np.asarray(even_out(image, 200, softer=softer))[2015, 800] for softer in (False, True))
    assert first == 255 > second


def test_evening_out_leaves_white_paper_and_black_ink(sheet):
    """After cleaning, a shaded page looks like the white one."""
    clean = np.asarray(even_out(shaded(sheet), 200))
    assert np.median(clean[:, :200]) == np.median(clean[:, -200:]) == 255
    assert clean.min() < 30


def test_every_piece_of_ink_has_its_box():
    """Boxes hold the connected pieces that are ink, and no dust."""
    image = Image.new("L", (900, 900), 255)
    draw = ImageDraw.Draw(image)
    draw.rectangle((100, 200, 109, 259), fill=0)
    draw.line((300, 300, 400, 380), fill=0, width=3)
    draw.point((500, 500), fill=0)
    assert shrink(image, 100).pieces.T.tolist() == [[100, 200, 110, 260], [299, 299, 402, 382]]
