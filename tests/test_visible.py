"""What a reader can't see on a page is not among its words."""

import pymupdf
import pytest
from PIL import Image

from pipeline import visible
from pipeline.errors import DocumentHeld
from pipeline.visible import visible_layer

SECRET = "confidential"


@pytest.fixture
def page():
    with pymupdf.open() as document:
        page = document.new_page(width=400, height=300)
        page.insert_text((40, 60), "The parties agree as follows", fontsize=11)
        yield page


def seen(page):
    return [word.text for word in visible_layer(page).words]


def write_secret(page, **how):
    return page.insert_text((40, 120), SECRET, fontsize=11, **how)


def place_of_secret(page):
    return page.search_for(SECRET)[0]


def around_secret(page):
    box = place_of_secret(page)
    return pymupdf.Rect(box.x0 - 2, box.y0 - 2, box.x1 + 2, box.y1 + 2)


def test_plain_words_are_seen_where_they_stand(page):
    """Words come in reading order with their line and their rectangle."""
    layer = visible_layer(page)
    assert [word.text for word in layer.words] == ["The", "parties", "agree", "as", "follows"]
    assert layer.hidden == 0
    assert {word.line for word in layer.words} == {0}
    assert pymupdf.Rect(layer.words[1].rect).contains(page.search_for("parties")[0])


def under_rectangle(page):
    write_secret(page)
    page.draw_rect(around_secret(page), color=(0, 0, 0), fill=(0, 0, 0))


def under_white_rectangle(page):
    write_secret(page)
    page.draw_rect(around_secret(page), color=(1, 1, 1), fill=(1, 1, 1))


def under_image(page):
    write_secret(page)
    page.insert_image(around_secret(page), pixmap=_patch(), keep_proportion=False)


def _patch():
    pixmap = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 20, 20), False)
    pixmap.clear_with(200)
    return pixmap


def under_square_annotation(page):
    write_secret(page)
    annotation = page.add_rect_annot(around_secret(page))
    annotation.set_colors(stroke=(0, 0, 0), fill=(0, 0, 0))
    annotation.update()


def under_free_text(page):
    write_secret(page)
    page.add_freetext_annot(around_secret(page), "", fill_color=(1, 1, 0.6))


def under_pending_redaction(page):
    write_secret(page)
    annotation = page.add_redact_annot(around_secret(page), fill=(0, 0, 0))
    annotation.update()
    # What PyMuPDF draws of a pending redaction is an outline; other programs draw it filled.
    appearance = int(page.parent.xref_get_key(annotation.xref, "AP/N")[1].split()[0])
    box = annotation.rect
    page.parent.update_stream(appearance, f"0 g 0 0 {box.width + 900} {box.height + 900} re f".encode())


def invisible_ink(page):
    write_secret(page, render_mode=3)


def clipping_ink(page):
    write_secret(page, render_mode=7)


def white_on_white(page):
    write_secret(page, color=(1, 1, 1))


def nearly_white(page):
    write_secret(page, color=(0.97, 0.97, 0.97))


def black_on_black(page):
    page.draw_rect(pymupdf.Rect(30, 105, 200, 130), color=(0, 0, 0), fill=(0, 0, 0))
    write_secret(page)


def transparent(page):
    write_secret(page, fill_opacity=0, stroke_opacity=0)


def off_the_page(page):
    page.insert_text((40, 900), SECRET, fontsize=11)


def outside_the_crop_box(page):
    write_secret(page)
    page.set_cropbox(pymupdf.Rect(0, 0, 400, 100))


def outside_a_clip(page):
    document = page.parent
    page.clean_contents()
    write_secret(page)
    page.clean_contents()
    xref = page.get_contents()[0]
    stream = document.xref_stream(xref)
    document.update_stream(xref, b"q 0 220 400 80 re W n\n" + stream + b"\nQ")


def switched_off(page):
    group = page.parent.add_ocg("draft", on=False)
    write_secret(page, oc=group)


def tiny(page):
    page.insert_text((40, 120), SECRET, fontsize=1.2)


def whited_out_and_written_over(page):
    write_secret(page)
    page.draw_rect(around_secret(page), color=(1, 1, 1), fill=(1, 1, 1))
    page.insert_text((40, 120), "replacement", fontsize=11)


HIDING = [
    under_rectangle, under_white_rectangle, under_image, under_square_annotation, under_free_text,
    under_pending_redaction, invisible_ink, clipping_ink, white_on_white, nearly_white, black_on_black, transparent,
    off_the_page, outside_the_crop_box, outside_a_clip, switched_off, tiny, whited_out_and_written_over,
]  # fmt: skip
UNREPORTED = [off_the_page, outside_the_crop_box, switched_off]  # MuPDF itself leaves these out


@pytest.mark.parametrize("hide", HIDING, ids=lambda hide: hide.__name__)
def test_hidden_words_are_left_out_and_counted(page, hide):
    """However a word is hidden, it isn't returned, and the words around it are."""
    hide(page)
    layer = visible_layer(page)
    words = [word.text for word in layer.words]
    assert SECRET not in words
    assert words[:5] == ["The", "parties", "agree", "as", "follows"]
    assert layer.hidden == (0 if hide in UNREPORTED else 1)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_drawing_order_holds_on_rotated_pages(page, rotation):
    """Text written over a white-out is seen and what lies below is not, whatever the page's /Rotate."""
    whited_out_and_written_over(page)
    page.set_rotation(rotation)
    assert seen(page) == ["The", "parties", "agree", "as", "follows", "replacement"]


def test_a_mark_over_part_of_a_line_hides_what_it_covers(page):
    """A word of which most is covered counts as hidden; of one less covered the visible letters stay."""
    write_secret(page)
    box = place_of_secret(page)
    page.draw_rect(pymupdf.Rect(box.x0 + box.width * 0.3, box.y0, box.x1, box.y1), fill=(0, 0, 0))
    page.insert_text((40, 160), "USD 1250000", fontsize=11)
    amount = page.search_for("1250000")[0]
    page.draw_rect(pymupdf.Rect(amount.x1 - amount.width * 2.9 / 7, amount.y0, amount.x1, amount.y1), fill=(0, 0, 0))
    page.insert_text((40, 200), "whereabouts", fontsize=11)
    whole = page.search_for("whereabouts")[0]
    page.draw_rect(pymupdf.Rect(whole.x0 + 22, whole.y0, whole.x0 + 30, whole.y1), fill=(0, 0, 0))
    layer = visible_layer(page)
    assert [word.text for word in layer.words][5:] == ["USD", "1250", "whe", "abouts"]
    assert layer.hidden == 1


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_page_with_rotate_keeps_its_words(page, rotation):
    """Text stays visible under /Rotate, its rectangles in the space of the page as displayed."""
    page.set_rotation(rotation)
    layer = visible_layer(page)
    assert [word.text for word in layer.words] == ["The", "parties", "agree", "as", "follows"]
    for word in layer.words:
        assert page.rect.contains(pymupdf.Rect(word.rect))


def test_legible_styles_are_seen(page):
    """White on black, grey, coloured, highlighted, half transparent and outlined words are all there."""
    page.draw_rect(pymupdf.Rect(30, 75, 200, 95), fill=(0, 0, 0))
    page.insert_text((40, 90), "inverse", fontsize=11, color=(1, 1, 1))
    page.insert_text((40, 120), "grey", fontsize=11, color=(0.6, 0.6, 0.6))
    page.insert_text((40, 140), "red", fontsize=11, color=(0.9, 0.1, 0.1))
    page.insert_text((40, 160), "highlighted", fontsize=11)
    page.add_highlight_annot(page.search_for("highlighted")[0])
    page.insert_text((40, 180), "half", fontsize=11, fill_opacity=0.5)
    page.insert_text((40, 220), "outlined", fontsize=20, render_mode=1)
    page.insert_text((40, 250), "small", fontsize=5)
    assert seen(page)[5:] == ["inverse", "grey", "red", "highlighted", "half", "outlined", "small"]


def test_words_in_annotations_and_form_fields_are_seen(page):
    """A stamp's text and a filled field are on the page for every reader."""
    page.add_freetext_annot(pymupdf.Rect(40, 100, 200, 130), "RECEIVED", fontsize=14)
    field = pymupdf.Widget()
    field.field_type, field.field_name = pymupdf.PDF_WIDGET_TYPE_TEXT, "name"
    field.rect, field.field_value = pymupdf.Rect(40, 150, 200, 170), "Acme"
    page.add_widget(field)
    assert {"RECEIVED", "Acme"} <= set(seen(page))


def test_glyphs_count_and_not_what_is_claimed_of_them(page):
    """/ActualText may claim other words than the glyphs show; the glyphs are read."""
    document = page.parent
    page.insert_text((40, 120), "ten", fontsize=11)
    page.clean_contents()
    xref = page.get_contents()[0]
    stream = document.xref_stream(xref).replace(b"BT", b"/Span <</ActualText (million)>> BDC BT", 2)
    document.update_stream(xref, stream.replace(b"ET", b"ET EMC"))
    assert "ten" in seen(page)
    assert "million" not in seen(page)


def test_a_scan_without_text_has_none(page, tmp_path):
    """A page of pixels alone has no words of its own, hidden or not."""
    with pymupdf.open() as document:
        scan = document.new_page()
        path = tmp_path / "scan.png"
        Image.new("L", (200, 200), 128).save(path)
        scan.insert_image(scan.rect, filename=path)
        assert visible_layer(scan) == type(visible_layer(scan))((), 0)


@pytest.mark.parametrize("how", [{"render_mode": 3}, {"color": (1, 1, 1)}], ids=["invisible ink", "white"])
@pytest.mark.parametrize("on_top", [True, False], ids=["over", "under"])
def test_unseen_words_do_not_borrow_the_ink_of_words_in_the_same_place(page, how, on_top):
    """Text in invisible ink or paper colour stays hidden where visible text is drawn in its place."""
    if on_top:
        page.insert_text((40, 120), "MMMMM WWWW", fontsize=11)
    write_secret(page, **how)
    if not on_top:
        page.insert_text((40, 120), "MMMMM WWWW", fontsize=11)
    layer = visible_layer(page)
    assert [word.text for word in layer.words][5:] == ["MMMMM", "WWWW"]
    assert layer.hidden == 1


def test_words_written_over_a_white_out_keep_their_narrow_letters(page):
    """A thin letter over a wide whited-out one is seen, though most ink in its box is the covered one's."""
    page.insert_text((40, 120), "WWWWWWWW", fontsize=11)
    page.draw_rect(pymupdf.Rect(38, 108, 200, 126), color=None, fill=(1, 1, 1))
    page.insert_text((40, 120), "zebra itil lilt", fontsize=11)
    layer = visible_layer(page)
    assert [word.text for word in layer.words][5:] == ["zebra", "itil", "lilt"]
    assert layer.hidden == 1


def test_a_watermark_across_a_line_does_not_join_its_last_word(page):
    """Text that begins far to the left of the letter before it is another word."""
    page.insert_text((60, 150), "zebra quokka", fontsize=11)
    page.insert_text((50, 180), "DRAFT", fontsize=100, color=(0.5, 0.5, 0.5), fill_opacity=0.3)
    assert {"quokka", "DRAFT"} <= set(seen(page))


def test_endless_letters_are_no_page(page, monkeypatch):
    """More letters than any page shows: held before they cost the rest of the road its memory."""
    monkeypatch.setattr(visible, "MOST_LETTERS", 10)
    with pytest.raises(DocumentHeld, match="more than 10 letters"):
        visible_layer(page)
