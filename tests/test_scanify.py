"""scanify: a clean PDF becomes a degraded, image-only one, seeded and in the encoding asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pymupdf
import pytest

from sample_docs import degrade
from sample_docs.scanify import LEVELS, main, scanify

SENTENCE = "The Tenant shall pay Base Rent in advance on the first day of each month."


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    path = tmp_path_factory.mktemp("clean") / "lease.pdf"
    with pymupdf.open() as document:
        for size in ((612, 792), (792, 612)):
            page = document.new_page(width=size[0], height=size[1])
            for line in range(24):
                page.insert_text((72, 80 + 20 * line), f"{line}. {SENTENCE}", fontsize=11)
        document.save(path)
    return path


def scan(clean: Path, target: Path, level, seed=1) -> Path:
    scanify(clean, target, level=level, seed=seed)
    return target


@pytest.mark.parametrize("name", LEVELS)
def test_no_text_layer_and_one_image_a_page(clean, tmp_path, name):
    """Whatever the level, each page is one full-page image of the same paper size, without a word of text."""
    with pymupdf.open(scan(clean, tmp_path / "s.pdf", LEVELS[name])) as scanned:
        assert [tuple(page.rect)[2:] for page in scanned] == [(612, 792), (792, 612)]
        for page in scanned:
            assert page.get_text() == ""
            (image,) = page.get_image_info()
            assert pymupdf.Rect(image["bbox"]) == page.rect


@pytest.mark.parametrize(
    ("encoding", "codec", "space", "bits"),
    [
        ("g4", "CCITTFaxDecode", "DeviceGray", 1),
        ("jpeg-grey", "DCTDecode", "DeviceGray", 8),
        ("jpeg-colour", "DCTDecode", "DeviceRGB", 8),
    ],
)
def test_encoding_is_the_one_asked_for(clean, tmp_path, encoding, codec, space, bits):
    """The image stands in the PDF in the asked encoding and decodes to dark ink on light paper."""
    level = replace(LEVELS["office"], encodings=(encoding,))
    with pymupdf.open(scan(clean, tmp_path / "s.pdf", level)) as scanned:
        image = scanned.get_page_images(0)[0]
        assert (image[8], image[5], image[4]) == (codec, space, bits)
        grey = np.frombuffer(scanned[0].get_pixmap(colorspace=pymupdf.csGRAY).samples, np.uint8)
        assert np.median(grey) > 200
        assert np.percentile(grey, 0.5) < 120


def test_same_seed_same_bytes(clean, tmp_path):
    """A seed gives the same file each time, another seed another file."""
    files = [scan(clean, tmp_path / f"{n}.pdf", LEVELS["harsh"], seed) for n, seed in enumerate((5, 5, 6))]
    first, again, other = (file.read_bytes() for file in files)
    assert first == again
    assert first != other


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_quarter_turns_turn_paper_and_ink(clean, tmp_path, turn):
    """A page that lies on its side comes out with its sides swapped; turned back it shows the same ink."""
    upright = replace(LEVELS["light"], skew=(0, 0))
    with (
        pymupdf.open(scan(clean, tmp_path / "a.pdf", upright)) as straight,
        pymupdf.open(scan(clean, tmp_path / "b.pdf", replace(upright, rotations=(turn,)))) as turned,
    ):
        back = np.rot90(_pixels(turned[0]), turn // 90)
        assert back.shape == _pixels(straight[0]).shape
        assert np.abs(back.astype(int) - _pixels(straight[0])).mean() < 3


def test_levels_get_worse(clean, tmp_path):
    """Contrast between ink and paper falls from light over office to harsh."""
    spreads = []
    for name in ("light", "office", "harsh"):
        level = replace(LEVELS[name], encodings=("jpeg-grey",))
        with pymupdf.open(scan(clean, tmp_path / f"{name}.pdf", level)) as scanned:
            grey = _pixels(scanned[0])
            spreads.append(float(np.percentile(grey, 60)) - float(np.percentile(grey, 0.5)))
    assert spreads[0] > spreads[1] > spreads[2]


def test_fax_has_half_the_lines(clean, tmp_path):
    """A standard fax has about 200 columns and 100 lines to the inch."""
    with pymupdf.open(scan(clean, tmp_path / "f.pdf", LEVELS["fax"])) as scanned:
        _, _, width, height, *_ = scanned.get_page_images(0)[0]
        assert 200 <= width / 8.5 <= 206
        assert 99 <= height / 11 <= 103


def test_bleed_is_the_mirror_of_the_reverse_side():
    """What shows through is the reverse side's ink, left and right swapped."""
    front = np.full((60, 100), 255, np.float32)
    back = front.copy()
    back[20:40, 5:25] = 0
    through = degrade.bleed(front, back, 0.3)
    assert through[30, 85] < 190
    assert through[30, 15] == pytest.approx(255)


def test_grain_has_the_asked_sigma():
    """The noise drawn from bytes has the standard deviation that was asked for, and no bias."""
    flat = np.full((400, 400), 128, np.float32)
    noisy = degrade.grain(flat, 8.0, np.random.default_rng(3))
    assert noisy.std() == pytest.approx(8.0, rel=0.02)
    assert noisy.mean() == pytest.approx(128, abs=0.1)


def test_command_line(clean, tmp_path):
    """`python -m sample_docs.scanify` takes a level, a seed and an encoding."""
    target = tmp_path / "out" / "cli.pdf"
    main([str(clean), str(target), "--level", "office", "--seed", "4", "--encoding", "g4"])
    level = replace(LEVELS["office"], encodings=("g4",))
    assert target.read_bytes() == scan(clean, tmp_path / "api.pdf", level, 4).read_bytes()


def _pixels(page) -> np.ndarray:
    pixmap = page.get_pixmap(dpi=50, colorspace=pymupdf.csGRAY)
    return np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width)
