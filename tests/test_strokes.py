"""Pen strokes, punch holes and solid pieces, on drawn pages."""

import math

import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline import pixels
from pipeline.strokes import Marks, marks
from pipeline.types import Box, Word

SIZE = (1700, 2200)  # letter paper at 200 dpi
FONT = ImageFont.load_default(30)
LINE = "the parties hereto have executed this agreement as of the date first written above"


class Page:
    """A sheet on which words are printed, with the boxes a reader would report, and other things drawn."""

    def __init__(self):
        self.image = Image.new("L", SIZE, 255)
        self.draw = ImageDraw.Draw(self.image)
        self.words = []

    def print(self, rows, confidence=0.95):
        for row in rows:
            x = 150.0
            for word in LINE.split():
                left, top, right, bottom = self.draw.textbbox((x, row), word, font=FONT)
                self.draw.text((x, row), word, fill=0, font=FONT)
                self.read(word, (left, top, right, bottom), confidence)
                x = right + 12

    def read(self, word, box, confidence):
        (left, top, right, bottom), (width, height) = box, SIZE
        self.words.append(Word(word, Box(left / width, top / height, right / width, bottom / height), confidence))

    def sign(self, x, y, width=400, height=90):
        """A wave with loops, as a pen draws a name."""
        points = [
            (x + width * t / 200 + height / 3 * math.sin(t / 5), y + height / 2 * math.sin(t / 7) * (1 - t / 300))
            for t in range(200)
        ]
        self.draw.line(points, fill=0, width=5)

    def measure(self):
        small = pixels.shrink(self.image, 200)
        return marks(small, small.ink & ~pixels.rulings(small).mask, self.words)


@pytest.fixture
def page():
    sheet = Page()
    sheet.print(range(200, 1400, 60))
    return sheet


def test_print_alone_shows_nothing(page):
    """A page of print has no pen strokes, no holes and nothing solid, however unsure a few words are."""
    page.print([1450, 1510], confidence=0.4)
    assert page.measure() == Marks()


def test_a_signature_is_seen(page):
    """Also where OCR took it for an unsure word, and where it stands on its ruling line."""
    page.sign(300, 1600)
    free = page.measure().pen
    page.read("Qe~", (280, 1540, 720, 1660), 0.5)
    assert page.measure().pen == free > 50
    page.draw.line((250, 1630, 800, 1630), fill=0, width=3)
    assert page.measure().pen > 30


def test_a_signature_that_touches_print_is_seen(page):
    """It runs into the last line above it."""
    page.sign(900, 1410)
    assert page.measure().pen > 30


def test_what_was_surely_read_is_no_signature(page):
    """A word in swash letters that OCR is sure of is print."""
    page.sign(300, 1600)
    page.read("Muniment", (200, 1500, 800, 1700), 0.95)
    assert page.measure().pen == 0


def test_frames_and_ticks_are_no_signature(page):
    """A box drawn round a field, shorter than a ruling line of the page, and a tick in it."""
    page.draw.rectangle((300, 1500, 560, 1640), outline=0, width=3)
    page.draw.line((420, 1580, 435, 1600, 460, 1560), fill=0, width=4)
    assert page.measure().pen == 0


def test_headings_and_logos_are_solid(page):
    """Thick pieces that were not read count as solid, and never as the pen's."""
    page.draw.ellipse((700, 1600, 1000, 1900), fill=0)
    page.draw.ellipse((760, 1660, 940, 1840), fill=255)
    found = page.measure()
    assert found.solid > 0.15
    assert (found.pen, found.holes) == (0, 0)


def test_rings_are_no_signature(page):
    """A large thin circle is a logo or the edge of a stamp."""
    page.draw.ellipse((700, 1500, 1050, 1850), outline=0, width=5)
    assert page.measure().pen == 0


def test_print_that_was_lost_leaves_dust():
    """Rows of specks, each too small to be ink, are told from a few of them, and a dark border is none."""
    few, many = Page(), Page()
    for sheet, step in ((few, 400), (many, 12)):
        sheet.draw.rectangle((0, 0, 20, 2199), fill=0)
        for y in range(300, 1900, 50):
            for x in range(200, 1500, step):
                sheet.draw.rectangle((x, y, x + 1, y + 1), fill=0)
    assert 0 < few.measure().dust < 0.0003
    assert many.measure().dust > 0.001


def test_punch_holes(page):
    """Dark discs near an edge are holes; the same disc in the middle of the page is not."""
    page.draw.ellipse((80, 700, 140, 760), fill=0)
    page.draw.ellipse((80, 1500, 140, 1560), fill=0)
    assert page.measure().holes > 0.02
    middle = Page()
    middle.print([200])
    middle.draw.ellipse((820, 1070, 880, 1130), fill=0)
    assert middle.measure().holes == 0


def test_a_blank_back_with_holes_is_all_holes():
    """What is left of the ink without them is nothing."""
    sheet = Page()
    for y in (500, 1700):
        sheet.draw.ellipse((90, y, 150, y + 60), fill=0)
    assert sheet.measure().holes == 1


def test_an_empty_page():
    """No ink, no marks."""
    assert Page().measure() == Marks()
