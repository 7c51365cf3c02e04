"""Quarter turns and skew, on printed pages with noise."""

import numpy as np
import pymupdf
import pytest
from PIL import Image

from pipeline.pixels import shrink
from pipeline.upright import Pose, deskew, pose, quarter_turn, turned_back

LINES = (
    "This Agreement is made by and between the parties hereto, who agree that the Supplier",
    "shall deliver the goods described in Schedule A within thirty days after each order,",
    "and that the Buyer shall pay the price by the last day of the month of delivery.",
    "Either party may terminate this Agreement by giving ninety days written notice.",
)


@pytest.fixture(scope="module")
def print_out():
    """A page of print at 200 dpi with scanner noise."""
    with pymupdf.open() as document:
        page = document.new_page(width=500, height=400)
        for row in range(16):
            page.insert_text((50, 60 + row * 18), LINES[row % 4], fontsize=10, fontname="tiro")
        pixmap = page.get_pixmap(dpi=200, colorspace="gray")
    clean = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width)
    noise = np.random.default_rng(7).normal(0, 12, clean.shape)
    return Image.fromarray(np.clip(clean + noise - 15, 0, 255).astype(np.uint8))


def measured(image, ask=lambda: pytest.fail("the letters were enough to tell")):
    return pose(shrink(image, 200), ask)


def tilted(image, degrees):
    """Turned clockwise on white paper."""
    return image.rotate(-degrees, expand=True, fillcolor=235, resample=Image.Resampling.BICUBIC)


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("skew", [-2.3, 0.0, 1.1])
def test_print_tells_how_it_was_turned(print_out, turned, skew):
    """Quarter turn and skew are found together, without asking Tesseract."""
    found = measured(tilted(quarter_turn(print_out, turned), skew))
    assert found.rotation == (360 - turned) % 360
    assert found.skew == pytest.approx(-skew, abs=0.11)


def test_small_skew_is_left_alone(print_out):
    """Up to `TOLERANCE` a scan keeps its own bytes."""
    assert measured(tilted(print_out, 0.4)) == Pose(0, 0.0)


def test_a_single_word_turns_no_page():
    """Too little print to tell: the second opinion counts, and no skew is made up."""
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_text((72, 72), "Exhibit", fontsize=24)
        pixmap = page.get_pixmap(dpi=200, colorspace="gray")
    image = Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)
    assert measured(image, ask=lambda: None) == Pose(0, 0.0)
    assert measured(image, ask=lambda: (180, 9.0)) == Pose(180, 0.0)
    assert measured(image, ask=lambda: (180, 3.1)) == Pose(0, 0.0)


def test_a_blank_page_is_not_even_asked_about():
    """Without ink nothing needs turning."""
    assert measured(Image.new("L", (800, 1000), 240)) == Pose(0, 0.0)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_points_find_back_through_a_quarter_turn(degrees):
    """`turned_back` maps each place of the turned image to where it was before."""
    image = Image.new("L", (40, 30))
    image.putpixel((10, 5), 255)
    turned = quarter_turn(image, degrees)
    y, x = np.argwhere(np.asarray(turned) == 255)[0]
    back = turned_back(degrees).apply((x + 0.5) / turned.width, (y + 0.5) / turned.height)
    assert back == pytest.approx((10.5 / 40, 5.5 / 30))


@pytest.mark.parametrize("degrees", [-3.0, 0.4, 4.5])
def test_points_find_back_through_a_deskew(degrees):
    """`deskew` loses no corner and its map leads each place back to where it was."""
    image = Image.new("L", (400, 300), 200)
    for corner in ((5, 5), (394, 5), (5, 294), (394, 294), (120, 80)):
        image.paste(0, (corner[0] - 2, corner[1] - 2, corner[0] + 3, corner[1] + 3))
    turned, back = deskew(image, degrees, paper=200)
    dark = np.argwhere(np.asarray(turned) < 40)
    places = {
        tuple(np.round(np.array(back.apply((x + 0.5) / turned.width, (y + 0.5) / turned.height)) * (400, 300) / 8))
        for y, x in dark
    }
    assert {(1, 1), (49, 1), (1, 37), (49, 37), (15, 10)} <= places


def test_new_corners_have_the_colour_of_the_paper():
    """A black wedge in a corner would be ink that nobody wrote; colour survives."""
    turned, _ = deskew(Image.new("RGB", (200, 100), (210, 200, 190)), 3.0, paper=205)
    assert turned.getpixel((0, 0)) == (205, 205, 205)
    assert turned.getpixel((100, 50)) == (210, 200, 190)
