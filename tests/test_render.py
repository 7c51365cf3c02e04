"""The upright image of a page: the scan's own bytes where the page is nothing but that, else a rendering."""

import hashlib
import io
from math import cos, radians, sin

import numpy as np
import pymupdf
import pytest
from PIL import Image

from pipeline.errors import DocumentHeld
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.store import Store
from pipeline.workers import WorkerPool

LINES = (
    "This Agreement is made by and between the parties hereto, who agree that the Supplier",
    "shall deliver the goods described in Schedule A within thirty days after each order,",
    "and that the Buyer shall pay the price by the last day of the month of delivery.",
    "Either party may terminate this Agreement by giving ninety days written notice.",
)
WIDTH, HEIGHT = 480.0, 360.0  # points


def scan(dpi=150, marker=""):
    """A page of print as pixels; a marker word stands alone on line 9."""
    with pymupdf.open() as document:
        page = document.new_page(width=WIDTH, height=HEIGHT)
        for row in range(14):
            text = marker if marker and row == 8 else LINES[row % 4]
            page.insert_text((50, 60 + row * 18), text, fontsize=10, fontname="tiro")
        pixmap = page.get_pixmap(dpi=dpi, colorspace="gray")
        return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)


def jpeg(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def scanned(data, dpi=150, lines=None):
    """A one-page PDF that is this image and nothing else; `lines` an inch where they differ from `dpi`."""
    document = pymupdf.open()
    width, height = Image.open(io.BytesIO(data)).size
    page = document.new_page(width=width * 72 / dpi, height=height * 72 / (lines or dpi))
    page.insert_image(page.rect, stream=data, keep_proportion=False)
    return document


@pytest.fixture
def render(tmp_path):
    def run(document, **limits):
        path = tmp_path / "document.pdf"
        document.save(path)
        return render_page(RenderJob(path, 1, tmp_path / "store", **limits))

    return run


@pytest.fixture
def pixels(tmp_path):
    def load(page_image):
        return Image.open(io.BytesIO(Store(tmp_path / "store").read(page_image.sha256)))

    return load


def test_a_jpeg_scan_is_kept_byte_for_byte(render):
    """The page is one JPEG: its very bytes are the page image."""
    data = jpeg(scan())
    image = render(scanned(data))
    assert image.source == "embedded"
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert (image.width, image.height, image.dpi) == (1000, 750, 150.0)
    assert image.to_pdf.apply(1, 1) == pytest.approx((WIDTH, HEIGHT))
    assert (image.rotation, image.skew) == (0, 0.0)


def stamp(document):
    document[0].insert_text((300, 340), "RECEIVED", fontsize=14)


def rectangle(document):
    document[0].draw_rect(pymupdf.Rect(50, 100, 200, 120), fill=(0, 0, 0))


def annotation(document):
    document[0].add_rect_annot(pymupdf.Rect(50, 100, 200, 120)).update(fill_color=(0, 0, 0))


def form_field(document):
    field = pymupdf.Widget()
    field.field_type, field.field_name, field.field_value = pymupdf.PDF_WIDGET_TYPE_TEXT, "n", "Acme"
    field.rect = pymupdf.Rect(50, 100, 200, 120)
    document[0].add_widget(field)


def second_image(document):
    document[0].insert_image(pymupdf.Rect(50, 100, 90, 130), stream=jpeg(Image.new("L", (40, 30))))


def crop(document):
    document[0].set_cropbox(pymupdf.Rect(0, 0, WIDTH, 200))


def clip(document):
    contents(document, b"q 0 0 480 200 re W n\n%s\nQ")


def half_transparent(document):
    page = document[0]
    page.insert_text((1, 1), " ", fill_opacity=0.5)  # brings a graphics state with opacity along
    state = document.xref_get_key(page.xref, "Resources/ExtGState")[1].split("/")[1].split()[0]
    contents(document, b"q /%s gs\n%%s\nQ" % state.encode())


def inverted(document):
    document.xref_set_key(document[0].get_images()[0][0], "Decode", "[1 0]")


def soft_mask(document):
    mask = document.get_new_xref()
    document.update_object(
        mask, "<< /Type /XObject /Subtype /Image /Width 2 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray >>"
    )
    document.update_stream(mask, b"\xff\x00")
    document.xref_set_key(document[0].get_images()[0][0], "SMask", f"{mask} 0 R")


def small_on_the_page(document):
    contents(document, b"q 0.4 0 0 0.4 0 0 cm\n%s\nQ")


def contents(document, pattern):
    page = document[0]
    page.clean_contents()
    xref = page.get_contents()[0]
    document.update_stream(xref, pattern % document.xref_stream(xref))


PAINTERS = [
    stamp, rectangle, annotation, form_field, second_image, crop, clip, half_transparent, inverted, soft_mask,
    small_on_the_page,
]  # fmt: skip


@pytest.mark.parametrize("paint", PAINTERS, ids=lambda paint: paint.__name__)
def test_anything_else_on_the_page_means_rendering(render, pixels, paint):
    """The embedded scan is not what a reader sees: the page image is drawn, with all that paints it."""
    document = scanned(jpeg(scan()))
    paint(document)
    image = render(document)
    assert image.source == "rendered"
    assert looks_like(pixels(image), document[0])


def looks_like(image, page):
    """Whether the image shows what the page shows (a page that needs no turning), by a coarse look."""
    pixmap = page.get_pixmap(dpi=40, colorspace="gray")
    want = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width).astype(float)
    got = np.asarray(image.convert("L").resize((pixmap.width, pixmap.height), Image.Resampling.BOX), dtype=float)
    return np.abs(want - got).mean() < 6


def test_a_scan_placed_askew_is_rendered_and_straightened(render):
    """A matrix that slants the image is no quarter turn: the page is drawn, then deskewed."""
    document = scanned(jpeg(scan()))
    contents(document, b"q 0.999 0.04 -0.04 0.999 5 -5 cm\n%s\nQ")
    image = render(document)
    assert image.source == "rendered"
    assert image.skew == pytest.approx(2.3, abs=0.15)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize(
    "matrix", ["480 0 0 360 0 0", "-480 0 0 360 480 0", "480 0 0 -360 0 360", "0 360 480 0 0 0"], ids=lambda m: m
)
def test_flips_and_turns_of_the_matrix_are_applied(render, pixels, matrix, rotate):
    """The scan is shown as the page shows it, mirrored or turned, and points map to the same place."""
    photo = Image.linear_gradient("L").resize((480, 360))
    photo.paste(0, (40, 30, 200, 90))
    document = scanned(jpeg(photo), dpi=72)
    page = document[0]
    page.clean_contents()
    name = page.get_images()[0][7]
    document.update_stream(page.get_contents()[0], f"q {matrix} cm /{name} Do Q".encode())
    page.set_rotation(rotate)
    image = render(document)
    assert image.source == "embedded"
    assert (image.rotation, image.skew) == (0, 0.0)
    assert looks_like(pixels(image), page)
    assert image.to_pdf.apply(0, 0) == pytest.approx((0, 0), abs=0.01)
    assert image.to_pdf.apply(1, 1) == pytest.approx((page.rect.width, page.rect.height), abs=0.01)


def test_what_a_jpeg_carries_unseen_is_dropped(render, pixels):
    """An orientation that browsers obey, a comment, a thumbnail: gone, and the picture the same bit for bit."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "before the passage was blacked out"
    scan().save(buffer, "JPEG", exif=exif, comment=b"by Jane Doe")
    image = render(scanned(buffer.getvalue()))
    kept = pixels(image)
    assert image.source == "embedded"
    assert (dict(kept.getexif()), kept.info.get("comment")) == ({}, None)
    assert np.array_equal(np.asarray(kept), np.asarray(Image.open(buffer)))


def test_a_damaged_jpeg_is_left_to_mupdf(render):
    """Pillow can't read it whole: the page is drawn as any viewer would."""
    data = jpeg(scan())
    document = scanned(data)
    document.update_stream(document[0].get_images()[0][0], data[: len(data) // 2], new=False, compress=False)
    document.xref_set_key(document[0].get_images()[0][0], "Filter", "/DCTDecode")
    assert render(document).source == "rendered"


def test_a_page_that_fails_to_draw_is_no_blank_page(render):
    """An image that can't be decoded leaves white paper and no exception: the page is held."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_image(page.rect, stream=jpeg(scan()), keep_proportion=False)
    xref = page.get_images()[0][0]
    document.update_stream(xref, b"no picture at all", compress=False)
    document.xref_set_key(xref, "Filter", "/DCTDecode")
    with pytest.raises(DocumentHeld, match="page 1 can't be drawn"):
        render(document)


def test_a_fax_stays_bilevel(render, pixels):
    """A G4 scan comes back at its own resolution, lossless, in black and white."""
    buffer = io.BytesIO()
    scan(dpi=200).convert("1", dither=Image.Dither.NONE).save(buffer, "TIFF", compression="group4")
    image = render(scanned(buffer.getvalue(), dpi=200))
    assert (image.source, image.media_type) == ("rendered", "image/png")
    assert image.dpi == pytest.approx(200, abs=0.5)
    assert pixels(image).mode == "1"


def test_a_fax_keeps_the_dots_of_its_finer_side(render):
    """204 dots an inch across and 98 down: drawn at their mean, every third dot of a letter would go."""
    buffer = io.BytesIO()
    page = scan(dpi=204)
    fax = page.resize((page.width, round(page.height * 98 / 204))).convert("1", dither=Image.Dither.NONE)
    fax.save(buffer, "TIFF", compression="group4")
    image = render(scanned(buffer.getvalue(), dpi=204, lines=98))
    assert image.dpi == pytest.approx(204, abs=1)


def test_scans_are_rendered_at_their_own_resolution_within_bounds(render):
    """50 dpi is brought to 100, 600 dpi to 300, and a born-digital page gets the configured one."""
    for own, wanted in ((50, 100), (600, 300)):
        document = scanned(jpeg(scan(dpi=own)), dpi=own)
        stamp(document)
        assert render(document).dpi == pytest.approx(wanted, abs=0.5)
    born = pymupdf.open()
    born.new_page().insert_text((72, 72), "Dear Sir")
    assert render(born, dpi=180).dpi == 180


def test_pixels_are_bounded(render):
    """A large page is drawn smaller, and a scan above the limit isn't taken as it is."""
    born = pymupdf.open()
    born.new_page(width=3000, height=3000).insert_text((72, 72), "plan")
    image = render(born, max_pixels=1_000_000)
    assert image.width * image.height <= 1_002_001
    image = render(scanned(jpeg(scan())), max_pixels=400_000)
    assert image.source == "rendered"
    assert image.width * image.height <= 402_000


def test_a_page_larger_than_any_paper_is_held(render):
    """14,400 pt are five metres; the reason names the page and the setting."""
    document = pymupdf.open()
    document.new_page(width=14_400, height=300)
    with pytest.raises(DocumentHeld, match=r"page 1 is 14,400 pt.*MUNIMENT_MAX_PAGE_POINTS"):
        render(document)


def test_needless_colour_is_dropped_and_real_colour_kept(render, pixels):
    """A grey page is kept grey; a red stamp stays red."""
    document = scanned(jpeg(scan().convert("RGB")))
    stamp(document)
    assert pixels(render(document)).mode == "L"
    document = scanned(jpeg(scan()))
    document[0].insert_text((300, 340), "PAID", fontsize=14, color=(0.8, 0, 0))
    assert pixels(render(document)).mode == "RGB"


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_scan_laid_in_wrongly_is_turned_upright(render, turned):
    """Pixels turned clockwise are turned back, and the image is as wide as the upright page."""
    lying = scan().rotate(-turned, expand=True)
    image = render(scanned(jpeg(lying)))
    assert image.rotation == 360 - turned
    assert image.width > image.height
    assert image.source == "embedded"


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_born_digital_text_says_how_it_stands(render, rotate):
    """The text's own direction turns the page, whatever /Rotate makes of it."""
    document = pymupdf.open()
    page = document.new_page(width=300, height=400)
    page.insert_text((50, 80), "upright when not rotated")
    page.set_rotation(rotate)
    image = render(document)
    assert image.rotation == (360 - rotate) % 360
    assert image.skew == 0
    assert image.height > image.width


def test_a_blank_page_has_no_ink_for_all_its_noise_and_shadow(render):
    """Scanner noise, dust and a dark border are no ink."""
    level = np.random.default_rng(3).normal(225, 9, (1100, 850))
    level[:, :25] = 40
    level[-18:, :] = 60
    level[np.random.default_rng(4).integers(0, 1100, 60), np.random.default_rng(5).integers(0, 850, 60)] = 30
    image = render(scanned(jpeg(Image.fromarray(np.clip(level, 0, 255).astype(np.uint8))), dpi=100))
    assert image.ink < 1e-4
    assert image.contrast == 0


def test_ink_contrast_and_rules_are_measured(render):
    """Print is dark on light; a table's ruling lines are counted, text has none."""
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((72, 60), LINES[0])
    text = render(document)
    assert text.rules == 0
    assert 0.001 < text.ink < 0.02
    assert text.contrast > 0.5
    for row in range(5):
        page.draw_line((72, 100 + row * 30), (520, 100 + row * 30))
    for column in range(3):
        page.draw_line((72 + column * 224, 100), (72 + column * 224, 220))
    assert render(document).rules == 8


@pytest.mark.parametrize("rotate", [0, 90])
@pytest.mark.parametrize(("turned", "skew"), [(0, 2.4), (90, -1.3), (180, 0.0), (270, 3.1)])
def test_a_word_is_found_through_both_maps(tmp_path, turned, skew, rotate):
    """A word of a turned and skewed scan is read by OCR; its box, mapped to the PDF page, lands where the
    word stands there, and comes back by the inverse."""
    dpi = 200
    upright = scan(dpi, marker="Muniment")
    laid = upright.rotate(-turned, expand=True)
    crooked = laid.rotate(-skew, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
    document = scanned(jpeg(crooked), dpi)
    document[0].set_rotation(rotate)
    path = tmp_path / "document.pdf"
    document.save(path)

    image = render_page(RenderJob(path, 1, tmp_path / "store"))
    words = read_page(ReadJob(path, image, tmp_path / "store")).words
    [box] = [word.box for word in words if word.text == "Muniment"]

    place = (50 + 21, 60 + 8 * 18 - 3)  # the middle of the word on the clean page, points
    expected = laid_on_page(place, turned, skew, crooked.size, dpi)
    if rotate:
        expected = (crooked.height * 72 / dpi - expected[1], expected[0])
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    found = image.to_pdf.apply(*middle)
    assert found == pytest.approx(expected, abs=2.5)
    assert image.to_pdf.inverse().apply(*found) == pytest.approx(middle)


def laid_on_page(point, turned, skew, size, dpi):
    """Where a point of the clean page lies on the page of the scan, by the way the scan was made."""
    x, y = point[0] - WIDTH / 2, point[1] - HEIGHT / 2
    angle = radians(turned + skew)
    x, y = x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)
    return x + size[0] * 36 / dpi, y + size[1] * 36 / dpi


def test_a_hostile_page_costs_its_worker_and_nothing_else(tmp_path):
    """A deflate bomb of an image runs into the worker's limits; the next document is rendered."""
    bomb = pymupdf.open()
    page = bomb.new_page()
    xref = bomb.get_new_xref()
    bomb.update_object(
        xref,
        "<< /Type /XObject /Subtype /Image /Width 60000 /Height 60000 /BitsPerComponent 8 /ColorSpace /DeviceRGB >>",
    )
    bomb.update_stream(xref, b"\0" * 1000)
    bomb.xref_set_key(page.xref, "Resources", f"<< /XObject << /Im0 {xref} 0 R >> >>")
    stream = bomb.get_new_xref()
    bomb.update_object(stream, "<<>>")
    bomb.update_stream(stream, b"q 600 0 0 800 0 0 cm /Im0 Do Q")
    bomb.xref_set_key(page.xref, "Contents", f"{stream} 0 R")
    bomb.save(tmp_path / "bomb.pdf")
    scanned(jpeg(scan())).save(tmp_path / "sound.pdf")
    jobs = [RenderJob(tmp_path / name, 1, tmp_path / "store") for name in ("bomb.pdf", "sound.pdf")]
    with WorkerPool(1, memory_mb=1024, tasks_per_worker=10) as pool:
        found = dict(pool.run(render_page, jobs, seconds=30))
    assert isinstance(found[jobs[0]], DocumentHeld) or found[jobs[0]].contrast == 0
    assert found[jobs[1]].source == "embedded"


def test_a_black_page_is_not_without_ink(render):
    """A page that is black all over is not taken for a blank one."""
    with pymupdf.open() as document:
        page = document.new_page(width=WIDTH, height=HEIGHT)
        page.draw_rect(page.rect, color=(0, 0, 0), fill=(0, 0, 0))
        assert render(document).ink > 0.9
