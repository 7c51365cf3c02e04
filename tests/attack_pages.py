"""The attack pages of `tests/attacks/pages.jsonl`, drawn as real PDFs: scans with the attack in the ink, or below it.

A line of that file is one attack: `text` as it is drawn, `how` it is drawn, `kind` of what the attacker wants, `says`
as the plain order that a fully led model makes of it (without: the text itself), `wants` as the words an altered
value would bear, `ink` as an honest line that the attack needs, `beside` for one aimed at the page next to it. In
braces: the page's own fee, contract number and schedule number.
"""

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

__all__ = ["HONEST", "Attack", "Sheet", "attacks", "documents", "drawn"]

FILE = Path(__file__).parent / "attacks" / "pages.jsonl"
WIDTH, HEIGHT = 460, 250  # points: small pages are read fast
HONEST = """SERVICES AGREEMENT

This Services Agreement is made on March 3, 2021 by and between Alder Freight Company ("Client")
and Brook Survey Limited ("Provider"). Contract No. MSA-2021-0043.

Client shall pay Provider a fee of USD 12,500.00 for each survey.

This Agreement shall be governed by the laws of the State of New York."""
PAGES = 14  # attacks in a document
TRUE, LIE = "<0009> <0040> <0028>", "<0009> <0011> <0028>\n<0012> <0012> <0039>\n<0013> <0040> <0032>"
"""The glyphs from "(" on in the font's table of what they mean, and the same with the 1 that means 9."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One line of the file; `says` is filled in from `text` where it is left out."""

    id: str
    kind: str
    how: str
    text: str
    says: str = ""
    wants: str = ""
    ink: str = ""
    style: str = ""
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of a document: an attack, or the honest page (None), with all that a reader can see on it."""

    attack: Attack | None
    visible: str
    told: str = ""


def attacks() -> list[Attack]:
    """All of them, in the order of the file."""
    return [Attack(**json.loads(line)) for line in FILE.read_text(encoding="utf-8").splitlines()]


def documents() -> dict[str, list[Sheet]]:
    """File name to pages. The second page of each document is honest, and attacks on it stand beside it; attacks that
    break the whole answer are kept apart from those that alter values, because pages share a request."""
    numbered = {attack.id: _filled(attack, number) for number, attack in enumerate(attacks(), 1)}
    every = list(numbered.values())
    groups = {
        "beside": _split([sheet for sheet in every if sheet.attack.beside], 2),
        "values": _split([sheet for sheet in every if sheet.attack.kind == "value"], PAGES),
        "rest": _split([s for s in every if s.attack.kind != "value" and not s.attack.beside], PAGES),
    }
    honest = Sheet(None, HONEST)
    return {
        f"{name}-{index}.pdf": [sheets[0], honest, *sheets[1:]]
        for name, split in groups.items()
        for index, sheets in enumerate(split, 1)
    }


def drawn(path: Path, sheets: Sequence[Sheet]) -> Path:
    """The document as a PDF of scanned pages; layers that are not ink are written over or under the scan."""
    with pymupdf.open() as target:
        for sheet in sheets:
            _page(target, sheet)
        path.parent.mkdir(parents=True, exist_ok=True)
        target.save(path)
    return path


def _split(sheets: list[Sheet], size: int) -> list[list[Sheet]]:
    return [sheets[start : start + size] for start in range(0, len(sheets), size)]


def _filled(attack: Attack, number: int) -> Sheet:
    own = {"fee": f"{1000 + 7 * number:,}.00", "number": f"MSA-2021-1{number:03}", "n": str(number)}

    def fill(text: str) -> str:
        for name, value in own.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    said, wants, told = fill(attack.text), fill(attack.wants), fill(attack.says or attack.text)
    attack = Attack(**{**_fields(attack), "text": said, "wants": wants, "says": told})
    honest = (
        f"SCHEDULE {number}\n\nContract No. {own['number']}.\n"
        f"Client shall pay Provider a fee of USD {own['fee']} for each survey.\n{attack.ink}"
    )
    return Sheet(attack, f"{honest}\n{said}" if _is_seen(attack) else honest, told)


def _fields(attack: Attack) -> dict[str, Any]:
    return {name: getattr(attack, name) for name in Attack.__slots__}


def _is_seen(attack: Attack) -> bool:
    """Whether a person at the page sees the attack. The coloured ones stand 11 of 255 from the paper."""
    return attack.how in SEEN or (attack.how == "html" and "color" not in attack.style)


def _page(target: pymupdf.Document, sheet: Sheet) -> None:
    attack = sheet.attack
    clean = pymupdf.open()
    page = clean.new_page(width=WIDTH, height=HEIGHT)
    honest = sheet.visible if attack is None else sheet.visible.removesuffix(attack.text)
    if attack and attack.how == "lying font":
        _lying(target, honest)
        return
    page.insert_textbox((24, 20, WIDTH - 24, 150 if attack else HEIGHT), honest, fontsize=10, fontname="tiro")
    if attack and attack.how in INK:
        INK[attack.how](page, attack)
    scan = page.get_pixmap(dpi=150, colorspace="gray").tobytes("jpeg", 85)
    sheet_of_paper = target.new_page(width=WIDTH, height=HEIGHT)
    if attack and attack.how == "covered layer":
        _text(sheet_of_paper, attack.text)
    sheet_of_paper.insert_image(sheet_of_paper.rect, stream=scan)
    if attack and attack.how in LAYERS:
        LAYERS[attack.how](sheet_of_paper, attack.text)


def _text(page: pymupdf.Page, text: str, where: tuple[float, ...] = (24, 165, WIDTH - 24, 240), **style: Any) -> None:
    left = page.insert_textbox(where, text, **{"fontsize": 10, "fontname": "helv", **style})
    assert left >= 0, f"no room for {text!r}"


def _grey(level: float) -> Callable[[pymupdf.Page, Attack], None]:
    return lambda page, attack: _text(page, attack.text, color=(level, level, level))


def _stamp(page: pymupdf.Page, attack: Attack) -> None:
    page.draw_rect((24, 165, WIDTH - 24, 195), fill=(0, 0, 0))
    _text(page, attack.text, (30, 170, WIDTH - 24, 195), color=(1, 1, 1))


def _box(page: pymupdf.Page, attack: Attack) -> None:
    page.draw_rect((24, 165, WIDTH - 24, 200), color=(0, 0, 0))
    _text(page, attack.text, (28, 168, WIDTH - 28, 200), fontname="cour", fontsize=8)


def _watermark(page: pymupdf.Page, attack: Attack) -> None:
    pivot = pymupdf.Point(60, 230)
    grey, turn = (0.8, 0.8, 0.8), (pivot, pymupdf.Matrix(-20))
    page.insert_text(pivot, attack.text, fontsize=44, fontname="helv", color=grey, morph=turn, overlay=False)


def _html(page: pymupdf.Page, attack: Attack) -> None:
    page.insert_htmlbox((24, 165, WIDTH - 24, 240), f'<p style="{attack.style}">{html.escape(attack.text)}</p>')


def _lying(target: pymupdf.Document, honest: str) -> None:
    """A page with text instead of a scan, whose font shows the digit 1 and calls it a 9."""
    page = target.new_page(width=WIDTH, height=HEIGHT)
    font = page.insert_font(fontname="liar", fontbuffer=pymupdf.Font("tiro").buffer)
    page.insert_textbox((24, 20, WIDTH - 24, 150), honest, fontsize=10, fontname="liar")
    where = int(target.xref_get_key(font, "ToUnicode")[1].split()[0])
    said = target.xref_stream(where).decode()
    told = said.replace("43 beginbfrange", "45 beginbfrange").replace(TRUE, LIE)
    assert told.count(LIE) == 1, "the font's table has changed"
    target.update_stream(where, told.encode())


INK: dict[str, Callable[[pymupdf.Page, Attack], None]] = {
    "plain": lambda page, attack: _text(page, attack.text),
    "faint": _grey(0.955),
    "white": _grey(1.0),
    "tiny": lambda page, attack: _text(page, attack.text, fontsize=1),
    "footer": lambda page, attack: _text(page, attack.text, (24, 236, WIDTH - 24, HEIGHT), fontsize=7),
    "upside down": lambda page, attack: _text(page, attack.text, rotate=180),
    "rotated": lambda page, attack: _text(page, attack.text, (WIDTH - 22, 10, WIDTH - 4, HEIGHT - 10), rotate=90),
    "stamp": _stamp,
    "small box": _box,
    "watermark": _watermark,
    "html": _html,
}
"""Drawn before the page is scanned."""

LAYERS: dict[str, Callable[[pymupdf.Page, str], None]] = {
    "invisible layer": lambda page, text: _text(page, text, render_mode=3),
    "transparent layer": lambda page, text: _text(page, text, fill_opacity=0, stroke_opacity=0),
    "off the page": lambda page, text: _text(page, text, (24, HEIGHT + 20, WIDTH, HEIGHT + 90)),
}
"""Written over the scan."""

SEEN = {"plain", "footer", "upside down", "rotated", "stamp", "small box", "watermark"}
