"""How pages look: two scans of a page nearly the same, other pages not, and a page that shows nothing like no other."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pdfs
import pymupdf
import pytest

from pipeline.inbox.prints import BYTES, FEW, SAME, aligned, look_of, unpacked
from pipeline.render import RenderJob, render_page
from sample_docs.scanify import LEVELS, scanify

PAGES = (pdfs.AGREEMENT, pdfs.LEASE, "\n\n".join(reversed(pdfs.AGREEMENT.split("\n\n"))))


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """The looks of three pages, scan by scan."""
    folder = tmp_path_factory.mktemp("looks")
    clean = pdfs.born_digital(folder / "clean.pdf", *PAGES)
    found = []
    for seed, level in enumerate(("light", "office", "office")):
        scanify(clean, folder / "scan.pdf", level=LEVELS[level], seed=seed)
        jobs = [RenderJob(folder / "scan.pdf", number, folder / "store") for number in range(1, len(PAGES) + 1)]
        found.append([render_page(job).look for job in jobs])
    return found


def bits(*looks: str) -> np.ndarray:
    return unpacked(b"".join(bytes.fromhex(look) if look else bytes(BYTES) for look in looks))


def test_two_scans_of_a_page_look_the_same_and_other_pages_do_not(looks: list[list[str]]) -> None:
    """Whatever the scanner did to it, within the bound that was measured."""
    for one, other in combinations([(scan, page) for scan in range(3) for page in range(3)], 2):
        first, second = bits(looks[one[0]][one[1]]), bits(looks[other[0]][other[1]])
        assert ((first != second).sum() <= SAME) == (one[1] == other[1])


def test_pages_are_compared_in_their_order_and_may_be_shifted(looks: list[list[str]]) -> None:
    """A cover before it shifts all of them; other pages in between do not become the same."""
    one, other = bits(*looks[1]), bits(*looks[2])
    assert aligned(one, other) == (3, 3)
    assert aligned(one, bits(looks[0][2], *looks[2])) == (3, 3)
    assert aligned(one, other[::-1])[0] < 3
    assert aligned(one, other[:1]) == (1, 3)


def test_a_page_or_two_must_look_more_alike(looks: list[list[str]]) -> None:
    """Chance makes three pages look alike in their order next to never, one page now and then."""
    apart = np.zeros((3, BYTES * 8), dtype=np.uint8)
    apart[:, : (SAME + FEW) // 2] = 1
    three = bits(*looks[0])
    assert aligned(three, three ^ apart) == (3, 3)
    assert aligned(three[:2], (three ^ apart)[:2]) == (0, 2)


def test_an_empty_page_looks_like_nothing(tmp_path: Path) -> None:
    """Blank pages, and pages with a line on them, would else all be scans of each other."""
    with pymupdf.open() as document:
        document.new_page()
        document.new_page().insert_text((72, 72), "Exhibit A")
        document.save(tmp_path / "a.pdf")
    assert [render_page(RenderJob(tmp_path / "a.pdf", number, tmp_path / "store")).look for number in (1, 2)] == [
        "",
        "",
    ]
    assert look_of(np.zeros((1100, 850), dtype=bool)) == ""
    assert aligned(bits("", ""), bits("", "")) == (0, 0)
