"""Typesetting: Markdown in, a clean PDF out, with running heads, folios and letterheads like a law firm's papers.

The texts under `sources/` are CommonMark with tables (markdown-it) and a little HTML where Markdown has no
word for it: letterheads, signature blocks, `<!-- page -->` for a page break. MuPDF's Story does the rest.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import pymupdf
from markdown_it import MarkdownIt

__all__ = ["PAPERS", "Part", "compose", "page_text"]

PAPERS = {
    "letter": (612.0, 792.0),
    "letter-landscape": (792.0, 612.0),
    "a4": (595.0, 842.0),
    "legal-landscape": (1008.0, 612.0),
}
STYLES = {
    "times": "body{font-family:Times;line-height:1.22} h1{font-size:1.25em;text-align:center} h2{font-size:1.02em}",
    "helvetica": "body{font-family:Helvetica;line-height:1.24} h1{font-size:1.3em} h2{font-size:1.05em}",
    "courier": "body{font-family:Courier;line-height:1.15} h1{font-size:1.05em;text-align:center} h2{font-size:1em}",
}
COMMON = """
p{margin:0 0 0.62em 0;text-align:justify} .l,.l p,td,th,h2{text-align:left} .c{text-align:center} .r{text-align:right}
h1{margin:0.3em 0 0.9em 0} h2{margin:0.9em 0 0.45em 0} .sub{margin-left:2.2em} .subsub{margin-left:4.2em}
table{width:100%;border-collapse:collapse;margin:0.5em 0 0.9em 0} .caps{font-variant:small-caps}
td,th{border:0.7pt solid black;padding:2.5pt 4pt;vertical-align:top} table.plain td{border:none;padding:2pt 10pt 2pt 0}
.break{page-break-before:always} .small{font-size:0.82em} .big{font-size:1.5em} blockquote{margin:0 0 0.62em 2.4em}
"""
HEAD_FONTS = {"times": ("tiro", "tiit"), "helvetica": ("helv", "heit"), "courier": ("cour", "coit")}


@dataclass(frozen=True, slots=True)
class Part:
    """A run of pages in one style. `header` and `footer` may hold {page} and {pages} and " | " between left
    and right; `margins` are left, top, right, bottom in points; `first_header` also heads page one."""

    text: Path
    style: str = "times"
    size: float = 11.0
    paper: str = "letter"
    header: str = ""
    footer: str = ""
    margins: tuple[float, float, float, float] = (76, 72, 72, 74)
    first_header: bool = False


def compose(parts: list[Part]) -> pymupdf.Document:
    """The clean document: the parts one after another, numbered through."""
    document = pymupdf.open()
    owners: list[Part] = []
    for part in parts:
        pages = _flow(part)
        document.insert_pdf(pages)
        owners += [part] * len(pages)
    for number, (page, part) in enumerate(zip(document, owners, strict=True), 1):
        places = {"page": number, "pages": len(owners)}
        if part.header and (number > 1 or part.first_header):
            _run(page, part, part.header.format(**places), part.margins[1] - 28)
        if part.footer:
            _run(page, part, part.footer.format(**places), page.rect.height - part.margins[3] + 32)
    return document


def page_text(page: pymupdf.Page) -> str:
    """The page's text layer, ligatures undone, all white space one blank: what quotes are held against."""
    flags = pymupdf.TEXT_PRESERVE_WHITESPACE & ~pymupdf.TEXT_PRESERVE_LIGATURES
    return " ".join(page.get_text("text", flags=flags, sort=False).split())


def _flow(part: Part) -> pymupdf.Document:
    story = pymupdf.Story(html=_html(part.text.read_text("utf-8")), user_css=_css(part))
    width, height = PAPERS[part.paper]
    left, top, right, bottom = part.margins
    out = io.BytesIO()
    writer = pymupdf.DocumentWriter(out)
    more = True
    while more:
        device = writer.begin_page(pymupdf.Rect(0, 0, width, height))
        more, _ = story.place(pymupdf.Rect(left, top, width - right, height - bottom))
        story.draw(device)
        writer.end_page()
    writer.close()
    return pymupdf.open("pdf", out.getvalue())


def _css(part: Part) -> str:
    return f"{STYLES[part.style]} body{{font-size:{part.size}pt}} {COMMON}"


def _html(markdown: str) -> str:
    html = MarkdownIt("commonmark", {"html": True, "typographer": False}).enable("table").render(markdown)
    html = html.replace("<!-- page -->", '<div class="break"></div>')
    html = re.sub(r"<p>(?=\([a-z]\) )", '<p class="sub">', html)
    return re.sub(r"<p>(?=\([ivx]{2,}\) )", '<p class="subsub">', html)


def _run(page: pymupdf.Page, part: Part, line: str, y: float) -> None:
    """Set a running head or foot: one part is centred, two go left and right."""
    font = HEAD_FONTS[part.style][0]
    left, right = part.margins[0], page.rect.width - part.margins[2]
    texts = line.split(" | ")
    for index, text in enumerate(texts):
        width = pymupdf.get_text_length(text, fontname=font, fontsize=8.5)
        middle = (left + right - width) / 2
        x = middle if len(texts) == 1 else (left, right - width)[index]
        page.insert_text((x, y), text, fontname=font, fontsize=8.5)
