"""Pages that were put upright wrongly: the triage VLM's word, a second read as proof, and what is remembered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pymupdf
import pytest

from pipeline import stages
from pipeline.backends.protocols import PageInput
from pipeline.intake import discover, take
from pipeline.keeping.inventory import images_of
from pipeline.settings import load_settings
from pipeline.triage import Policy, unread
from pipeline.turning import Turned, best_read, rotations_by
from pipeline.types import Affine, Answer, Box, PageImage, PageText, TextSource, Verdict, Word
from pipeline.wiring import Tools, open_tools

CAPITALS = ("FLEET STREET HOLDINGS LIMITED", "INVOICE 20418", "TOTAL DUE 1,250.00", "PAID 14 MARCH 2019")


def says(label: str) -> Verdict:
    return Verdict({"rotation": Answer(label, 0.9)}, "stub")


def image(rotation: int = 0) -> PageImage:
    return PageImage(1, "0" * 64, "image/png", 850, 1100, 100, Affine(), rotation=rotation, ink=0.05)


@pytest.mark.parametrize(
    ("stands", "label", "wanted"),
    [
        *((0, "180", (180,)), (180, "180", (0,)), (0, "0", ())),
        *((0, "90", (270, 90)), (270, "90", (180, 0)), (90, "270", (180, 0))),
    ],
)
def test_what_the_model_sees_is_undone(stands: int, label: str, wanted: tuple[int, ...]) -> None:
    """Its answer is of the image as it was turned already; of a page on its side the other way is tried, too, and "up"
    leaves all as it is."""
    assert rotations_by(says(label), image(stands)) == wanted


def test_a_model_that_is_not_heard_on_rotation_turns_nothing() -> None:
    """A verdict without that answer is no reason to read a page again."""
    assert rotations_by(Verdict({}, "stub"), image()) == ()


def words(*said: tuple[str, float]) -> PageText:
    box = Box(0.1, 0.1, 0.2, 0.2)
    confidence = sum(sure for _, sure in said) / max(len(said), 1)
    return PageText(1, tuple(Word(text, box, sure) for text, sure in said), TextSource.OCR, confidence=confidence)


def test_the_read_with_more_letters_that_are_sure_is_the_better_one() -> None:
    """A few sure words beat many guessed ones, the best of two turns is taken, and a little better is not enough."""
    sense, nonsense = words(("HOLDINGS", 0.95), ("LIMITED", 0.9)), words(*[("SONIGTOH", 0.45)] * 9)
    good, bad = Turned(image(90), sense), Turned(image(270), nonsense)
    assert best_read([bad, good], nonsense) is good
    assert best_read([bad], sense) is best_read([good], sense) is best_read([], sense) is None
    assert best_read([Turned(image(), words(("HOLDINGS", 0.95), ("LIMITED", 0.9), ("IV", 0.7)))], sense) is None


def test_only_pages_that_were_read_badly_are_doubted() -> None:
    """Not a page that reads well, not one whose own text is trusted, not an empty one."""

    def page(text: PageText, shown: PageImage) -> PageInput:
        return PageInput(shown, Path("unused"), text)

    layer = PageText(1, (), TextSource.LAYER)
    empty = PageImage(1, "0" * 64, "image/png", 850, 1100, 100, Affine())
    assert unread(page(words(("SONIGTOH", 0.4)), image()), Policy())
    assert unread(page(PageText(1, (), TextSource.NONE), image()), Policy())
    assert not unread(page(words(("HOLDINGS", 0.95)), image()), Policy())
    assert not unread(page(layer, image()), Policy())
    assert not unread(page(PageText(1, (), TextSource.NONE), empty), Policy())


class Stub:
    """Says of every page that its top points there, and keeps how often it was asked. The page's letters and
    Tesseract are the real ones: what is held here is what becomes of an answer, whoever gives it."""

    name = "stub"
    heard = ("rotation",)

    def __init__(self, label: str) -> None:
        self.label, self.asked = label, 0

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        self.asked += len(pages)
        return [says(self.label)] * len(pages)


@pytest.fixture
def upside_down(tmp_path: Path) -> Path:
    """A scan of a few lines in capitals, which tell neither by their heights nor to Tesseract which way they stand."""
    with pymupdf.open() as drawn, pymupdf.open() as scan:
        page = drawn.new_page()
        for row, line in enumerate(CAPITALS):
            page.insert_text((72, 120 + 60 * row), line, fontsize=13)
        page.set_rotation(180)
        page = scan.new_page()
        page.insert_image(page.rect, pixmap=drawn[0].get_pixmap(dpi=150, colorspace="gray"))
        path = tmp_path / "acme" / "capitals.pdf"
        path.parent.mkdir()
        scan.save(path)
    return path


@pytest.fixture
def walked(home: Path, upside_down: Path) -> Iterator[tuple[Tools, stages.Work]]:
    """The scan taken in, and tools to walk it."""
    with open_tools(load_settings(workers=1)) as tools:
        [incoming] = discover([upside_down.parent], None, "default")
        document, _ = take(incoming, tools.store, tools.catalog, max_file_mb=10)
        yield tools, stages.Work(document, tools)


def let_answer(monkeypatch: pytest.MonkeyPatch, classifier: Stub | None) -> None:
    monkeypatch.setattr(Tools, "classifier", property(lambda _: classifier))


def walk(work: stages.Work) -> tuple[PageImage, PageText]:
    images = stages.render(work, stages.inspect(work))
    images, texts = stages.turn(work, images, stages.read(work, images))
    image, text = images[1], texts[1]
    assert isinstance(image, PageImage)
    assert isinstance(text, PageText)
    return image, text


def read(text: PageText) -> str:
    return " ".join(word.text for word in text.words)


def test_a_page_that_was_read_upside_down_is_turned_and_read(
    walked: tuple[Tools, stages.Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signals alone read nonsense; with the VLM's word the lines are there, on the image that is kept, and the page
    says why. A second walk asks nobody, and an image that got lost comes back as it was turned."""
    tools, work = walked
    let_answer(monkeypatch, None)
    before, nonsense = walk(work)
    assert before.rotation == 0
    assert "INVOICE" not in read(nonsense)
    stub = Stub("180")
    let_answer(monkeypatch, stub)
    image, text = walk(work)
    assert image.rotation == 180
    assert all(line in read(text) for line in CAPITALS)
    assert any("turned by 180°" in note for note in text.notes)
    assert images_of(tools.catalog, work.document.sha256) == {before.sha256, image.sha256}  # what deletion takes away
    assert walk(work) == (image, text)
    assert stub.asked == 1
    tools.store.path(image.sha256).unlink()
    assert walk(work) == (image, text)
    assert image.sha256 in tools.store


def test_deletion_finds_every_image_that_was_tried(
    walked: tuple[Tools, stages.Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a page seen on its side two turns are rendered; all three images are remembered, whichever is kept."""
    tools, work = walked
    let_answer(monkeypatch, Stub("90"))
    walk(work)
    assert images_of(tools.catalog, work.document.sha256) == set(tools.store.blobs()) - {work.document.sha256}


def test_a_model_that_sees_nothing_wrong_changes_nothing(
    walked: tuple[Tools, stages.Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked, and the page stays as it was."""
    _, work = walked
    let_answer(monkeypatch, None)
    before = walk(work)
    stub = Stub("0")
    let_answer(monkeypatch, stub)
    assert walk(work) == before
    assert stub.asked == 1
