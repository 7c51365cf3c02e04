"""JPEGs of scans: decoded with care, and nothing kept that isn't on the page."""

import io

import numpy as np
import pytest
from PIL import Image

from pipeline.jpeg import decode, without_metadata


def photo(mode="L", **options):
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_and_colour_are_decoded(mode):
    """The two kinds a scanner makes."""
    assert decode(photo(mode), 256, 256).mode == mode


@pytest.mark.parametrize(
    "data", [photo("CMYK"), photo()[:2000], b"", b"\xff\xd8\xff", photo()[:100] + b"\0" * 3000], ids=len
)
def test_what_pillow_cannot_show_as_the_pdf_would_is_left_alone(data):
    """CMYK, cut short or damaged: None, so that MuPDF draws the page."""
    assert decode(data, 256, 256) is None


def test_another_size_than_the_pdf_says_is_refused():
    """A small declared size must not smuggle in a huge picture."""
    assert decode(photo(), 10, 10) is None


def test_a_clean_jpeg_is_returned_byte_for_byte():
    """Nothing to strip, nothing changed."""
    assert without_metadata(photo()) == photo()


def test_metadata_goes_and_the_picture_stays():
    """Comment and EXIF are dropped; the pixels, density and colour transform are the same."""
    exif = Image.Exif()
    exif[0x010E] = "secret"
    data = without_metadata(photo("RGB", exif=exif, comment=b"secret", dpi=(300, 300)))
    assert b"secret" not in data
    plain = Image.open(io.BytesIO(photo("RGB", dpi=(300, 300))))
    assert Image.open(io.BytesIO(data)).info["dpi"] == plain.info["dpi"]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(plain))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00", photo()[:30], b"\xff\xd8\xff\xff\xff"])
def test_bytes_that_are_no_segments_are_given_up(data):
    """No endless loop and no guess: the picture is encoded anew instead."""
    assert without_metadata(data) is None
