"""The lines of a page, on bars drawn at known angles."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.skew import lines, refined


def ruled(degrees, size=(850, 1100)):
    """Bars of four pixels, 20 apart, that a clockwise turn by so many degrees straightens."""
    image = Image.new("L", size)
    draw = ImageDraw.Draw(image)
    rise = np.tan(np.radians(degrees)) * size[0]
    for y in range(-200, size[1] + 200, 20):
        draw.line((0, y + rise / 2, size[0], y - rise / 2), fill=255, width=4)
    return np.asarray(image) > 127


@pytest.mark.parametrize("degrees", [-4.3, -1.77, -0.41, 0.0, 0.2, 1.25, 3.6])
def test_the_angle_of_lines_is_found(degrees):
    """To a tenth of a degree, to either side, and it stands out."""
    across, _ = lines(ruled(degrees))
    assert across.skew == pytest.approx(degrees, abs=0.1)
    assert across.clear


@pytest.mark.parametrize("size", [(300, 400), (1400, 700)])
def test_narrow_and_wide_pages_are_measured_alike(size):
    """Columns that are missing, or more than are looked at, change no angle."""
    assert lines(ruled(1.25, size))[0].skew == pytest.approx(1.25, abs=0.12)


def test_lines_down_the_page_are_those_of_the_page_turned():
    """The second answer is the first of the page turned clockwise; its lines are the sharper."""
    across, down = lines(np.rot90(ruled(1.25)))
    assert down.skew == pytest.approx(1.25, abs=0.1)
    assert down.clear
    assert down.sharpness > 3 * across.sharpness


def test_dots_have_no_lines():
    """Nothing stands out where ink lies anyhow."""
    ink = np.random.default_rng(5).random((1100, 850)) < 0.05
    assert not any(found.clear for found in lines(ink))


@pytest.mark.parametrize("degrees", [-1.3, 0.55, 2.05])
def test_an_angle_is_refined_by_the_pixels_themselves(degrees):
    """From where the strips found it, to 0.05 degrees."""
    ink = ruled(degrees)
    assert refined(ink, degrees + 0.12) == pytest.approx(degrees, abs=0.051)
    assert refined(ink, degrees - 0.12) == pytest.approx(degrees, abs=0.051)
