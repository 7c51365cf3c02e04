"""What the frontier model is told and shown: a fixed prefix, words or an image, and of the neighbours their edges."""

import base64
import io
import random

import pytest
from PIL import Image

from pipeline.backends.protocols import PageInput
from pipeline.frontier import images
from pipeline.frontier.models import MODELS, best_size, image_tokens
from pipeline.frontier.prompts import (
    EDGE_CHARACTERS,
    LAYER_CHARACTERS,
    SYSTEM,
    Part,
    instruction,
    page_part,
    request_content,
    tokens_of,
)
from pipeline.types import Box, PageText, TextSource, Word
from schemas.frontier import ClauseItem, answer_json_schema

SONNET, HAIKU = MODELS["claude-sonnet-5-5"], MODELS["claude-haiku-4-5"]
BOX = Box(0, 0, 1, 1)


def text_of(words: str, **more: object) -> PageText:
    layer = {"source": TextSource.LAYER, "layer": "trusted", "confidence": 1.0} | more
    return PageText(3, tuple(Word(word, BOX) for word in words.split()), **layer)


def scan(path, image: Image.Image, form: str = "PNG") -> PageInput:
    image.save(path, form)
    return PageInput(None, path, text_of("as OCR read it", source=TextSource.OCR, layer="none"))


def shown(part: Part) -> Image.Image:
    (source,) = [block["source"] for block in part.blocks if block["type"] == "image"]
    assert source["media_type"] == "image/jpeg"
    image = Image.open(io.BytesIO(base64.standard_b64decode(source["data"])))
    assert image.format == "JPEG"
    image.load()
    return image


def texts(part: Part) -> list[str]:
    return [block["text"] for block in part.blocks if block["type"] == "text"]


# ---- the prefix


def test_the_prefix_is_the_same_in_each_call_and_long_enough_to_be_cached():
    """Byte for byte the same; with the schema it has over 2,048 tokens even at five characters a token."""
    prefix = instruction(with_schema=True)
    assert prefix == instruction(with_schema=True) and prefix.startswith(SYSTEM)
    assert len(prefix) / 5 > 2048
    assert instruction(with_schema=False) == SYSTEM


def test_the_model_is_shown_every_field_it_is_asked_for():
    """The schema in the prefix has every description, also where the server alone binds the answer."""
    prefix = instruction(with_schema=True)
    for name in ("category", "summary", "quote", "continues"):
        assert name in prefix
    assert "never corrected, shortened with dots" in prefix
    assert set(answer_json_schema()["$defs"]["ClauseItem"]["required"]) == set(ClauseItem.model_fields)


# ---- a page as words


def test_a_good_text_layer_goes_as_words(tmp_path):
    """No image of it is sent, none is even opened; its words are, once, under its number."""
    part = page_part(PageInput(None, tmp_path / "none.png", text_of("Rent is $8,400.00")), SONNET)
    assert texts(part) == ["Page 3", "page 3, its words:\nRent is $8,400.00"] and len(part.blocks) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"source": TextSource.OCR, "layer": "none"},
        {"layer": "thin"},
        {"layer": "garbage"},
        {"layer": "invisible"},
        {"hidden": 1},
        {"unread_ink": 0.05},
        {"agreement": 0.8},
    ],
    ids=str,
)
def test_words_that_do_not_say_all_the_page_shows_are_not_sent_for_it(tmp_path, change):
    """OCR, a thin or doubtful layer, hidden words, ink outside the words: the page goes as an image, without them."""
    Image.new("L", (400, 600), 255).save(tmp_path / "page.png")
    part = page_part(PageInput(None, tmp_path / "page.png", text_of("secret layer", **change)), SONNET)
    assert shown(part).size == (400, 600) and "secret" not in " ".join(texts(part))


def test_a_text_layer_of_hostile_length_goes_as_an_image(tmp_path):
    """Six dense pages of words on one are a dump or an attack; what a reader sees of them is sent."""
    Image.new("L", (400, 600), 255).save(tmp_path / "page.png")
    page = PageInput(None, tmp_path / "page.png", text_of("word " * (LAYER_CHARACTERS // 5 + 1)))
    part = page_part(page, SONNET)
    assert shown(part) and sum(map(len, texts(part))) < 100


def test_an_empty_layer_goes_as_an_image(tmp_path):
    """No words to send: the page is shown."""
    Image.new("L", (400, 600), 255).save(tmp_path / "page.png")
    assert shown(page_part(PageInput(None, tmp_path / "page.png", text_of("")), SONNET))


def test_of_the_neighbours_only_the_edges_are_sent(tmp_path):
    """The last words of the page before and the first of the page after, marked as context; nothing else of them."""
    before = " ".join(f"b{n}" for n in range(500))
    after = " ".join(f"a{n}" for n in range(500))
    part = page_part(PageInput(None, tmp_path / "none", text_of("Rent")), SONNET, before, after)
    said = texts(part)
    assert said[1].startswith("before page 3, for context only:\nb420 ") and said[1].endswith(" b499")
    assert said[3].startswith("after page 3, for context only:\na0 a1 ") and said[3].endswith(" a79")


def test_a_neighbour_without_blanks_is_cut_too(tmp_path):
    """A word of a megabyte is no word: the context stays short."""
    part = page_part(PageInput(None, tmp_path / "none", text_of("Rent")), SONNET, "x" * 10**6, "y" * 10**6)
    assert all(len(text) < EDGE_CHARACTERS + 100 for text in texts(part))


def test_half_a_surrogate_pair_does_not_break_the_request(tmp_path):
    """A text layer can hold what UTF-8 can't: it is sent as a question mark."""
    part = page_part(PageInput(None, tmp_path / "none", text_of("Rent\ud800")), SONNET, "\udfff", "\ud800")
    assert texts(part)[2].endswith("Rent?") and "".join(texts(part)).encode()


def test_the_request_names_its_pages_after_them():
    """Material first, then what is wanted of which pages."""
    parts = [Part(n, ({"type": "text", "text": f"Page {n}"},), 1) for n in (3, 7)]
    content = request_content(parts)
    assert [block["text"] for block in content] == ["Page 3", "Page 7", "Report on pages 3, 7."]
    assert request_content(parts[:1])[-1]["text"] == "Report on page 3."


def test_tokens_are_rather_overestimated(tmp_path):
    """At least a token for two characters, more in other scripts; an image by its patches."""
    assert tokens_of("word " * 100) >= 250 and tokens_of("漢" * 100) >= 100
    page = scan(tmp_path / "p.png", Image.new("L", (1700, 2200), 255))
    assert page_part(page, SONNET).tokens > image_tokens(*best_size(1700, 2200, SONNET))


# ---- a page as an image


def test_an_image_is_sent_at_the_models_best_size(tmp_path):
    """Each model is sent what it looks at, and no more pixels than that."""
    page = scan(tmp_path / "p.png", Image.new("L", (1700, 2200), 255))
    for model in (SONNET, HAIKU):
        assert shown(page_part(page, model)).size == best_size(1700, 2200, model)


def grey(image: Image.Image, level: int) -> bool:
    pixel = image.convert("L").getpixel((image.width // 2, image.height // 2))
    return abs(pixel - level) < 4


@pytest.mark.parametrize(
    ("image", "form", "level"),
    [
        (Image.new("1", (60, 40), 1), "PNG", 255),
        (Image.new("L", (60, 40), 90), "PNG", 90),
        (Image.new("I;16", (60, 40), 90 * 257), "PNG", 90),
        (Image.new("RGB", (60, 40), (90, 90, 90)), "PNG", 90),
        (Image.new("RGBA", (60, 40), (0, 0, 0, 0)), "PNG", 255),
        (Image.new("RGBA", (60, 40), (0, 0, 0, 255)), "PNG", 0),
        (Image.new("LA", (60, 40), (0, 0)), "PNG", 255),
        (Image.new("RGB", (60, 40), (90, 90, 90)).quantize(4), "PNG", 90),
        (Image.new("CMYK", (60, 40), (0, 0, 0, 165)), "JPEG", 90),
        (Image.new("F", (60, 40), 90.0 * 257), "TIFF", 90),
    ],
    ids=["1", "L", "16 bit", "RGB", "clear", "opaque", "clear grey", "palette", "CMYK", "float"],
)
def test_every_kind_of_image_is_shown_as_it_looks(tmp_path, image, form, level):
    """Bilevel, 16 bits, palette, CMYK, transparency on white paper: what is sent looks like the page."""
    sent = shown(page_part(scan(tmp_path / "page", image, form), SONNET))
    assert sent.size == (60, 40) and sent.mode in ("L", "RGB") and grey(sent, level)


def test_a_transparent_palette_is_shown_on_white(tmp_path):
    """What is marked as transparent in a palette is paper, not whatever colour lies under it."""
    image = Image.new("P", (60, 40), 0)
    image.putpalette([0, 0, 0] * 256)
    image.save(tmp_path / "page.png", transparency=0)
    page = PageInput(None, tmp_path / "page.png", text_of("x", source=TextSource.OCR))
    assert grey(shown(page_part(page, SONNET)), 255)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (20_000, 700), (20_000, 2)], ids=str)
def test_odd_shapes_are_sent_within_the_limits(tmp_path, size):
    """One pixel, one line, 20,000 pixels long: at the best size, never without a pixel."""
    part = page_part(scan(tmp_path / "page.png", Image.new("L", size, 255)), SONNET)
    assert shown(part).size == best_size(*size, SONNET) and not part.problem


@pytest.mark.parametrize(
    ("guard", "reason"),
    [(89_478_485, "it can't be decoded (DecompressionBombError)"), (None, "it has 20,000 by 20,000 pixels")],
    ids=["Pillow's guard", "no guard"],
)
def test_a_page_of_400_megapixels_is_not_decoded(tmp_path, monkeypatch, guard, reason):
    """More than any scan has: refused also where what decodes bounded pictures has turned Pillow's guard off."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", guard)
    part = page_part(scan(tmp_path / "page.png", Image.new("1", (20_000, 20_000), 1)), SONNET)
    assert part.problem == f"the stored image of the page can't be sent: {reason}"
    assert all(block["type"] == "text" for block in part.blocks)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (None, "it is not in the store"),
        (b"not an image", "it can't be decoded (UnidentifiedImageError)"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "it can't be decoded"),
        ("half", "it can't be decoded (OSError)"),
    ],
    ids=["0 bytes", "gone", "text", "broken PNG", "half a JPEG"],
)
def test_a_broken_image_is_a_reason_not_an_error(tmp_path, data, reason):
    """Empty, gone, cut or no image at all: the part says why it can't be sent."""
    path = tmp_path / "page"
    if data == "half":
        Image.effect_noise((400, 400), 60).save(path, "JPEG")
        data = path.read_bytes()[: path.stat().st_size // 2]
    if data is not None:
        path.write_bytes(data)
    part = page_part(PageInput(None, path, text_of("x", source=TextSource.OCR, layer="none")), SONNET)
    assert part.problem.startswith(f"the stored image of the page can't be sent: {reason}")


def test_an_image_stays_under_the_byte_limit(tmp_path, monkeypatch):
    """Noise, the worst a JPEG can be given, is sent coarser until it fits; if it never does, the reason says so."""
    noise = Image.frombytes("RGB", (1932, 1932), random.Random(5).randbytes(1932 * 1932 * 3))
    page = scan(tmp_path / "noise.png", noise)
    part = page_part(page, SONNET)
    data = next(block["source"]["data"] for block in part.blocks if block["type"] == "image")
    assert len(data) <= 5 * 1024 * 1024 and not part.problem
    monkeypatch.setattr(images, "MOST_BYTES", len(data) // 2)
    coarser = page_part(page, SONNET)
    assert shown(coarser).size == shown(part).size
    assert len(coarser.blocks[1]["source"]["data"]) < len(data)
    monkeypatch.setattr(images, "MOST_BYTES", 1000)
    assert "more than 1000 bytes" in page_part(page, SONNET).problem


def test_the_largest_request_stays_under_32_megabytes():
    """Three images at their limit, the prefix and the words around them."""
    assert 3 * images.MOST_BYTES * 4 / 3 + 3 * 4 * (LAYER_CHARACTERS + 2 * EDGE_CHARACTERS) + 100_000 < 32_000_000
