"""What stands on pages beside their text: logos, charts, pictures, barcodes, fax headers, numbering, rubber stamps.

Some of it is there to be told from what triage asks about: a fax header, a numbering stamp, a barcode or a "received"
line that a program set are no rubber stamps, and a logo or a picture is no signature.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from infra.train.pages import fonts, hands
from infra.train.pages.draft import Draft
from infra.train.pages.fonts import Face
from infra.train.pages.matter import initials, when
from infra.train.pages.sheet import Type

__all__ = ["chart", "furnish", "logo", "picture", "stamped"]

Box = tuple[float, float, float, float]
STAMPS = (
    "RECEIVED", "RECEIVED|{date}", "COPY", "PAID", "PAID|{date}", "APPROVED|BY", "FILED|{date}", "CONFIDENTIAL",
    "{a}|{city}", "ORIGINAL", "CANCELLED", "ENTERED|{date}", "NOTARY PUBLIC|{state}", "REGISTERED|NO. {n}", "{date}",
    "DRAFT", "FAXED|{date}", "{b}", "OFFICE OF THE CLERK|{date}|{state}", "URGENT", "VOID",
)  # fmt: skip


def logo(draft: Draft, box: Box) -> None:
    """A firm's mark: a solid or hollow shape, with or without letters."""
    chance, sheet = draft.chance, draft.sheet
    side = max(4, round((box[3] - box[1]) * sheet.scale))
    image = Image.new("L", (side, side))
    pen = ImageDraw.Draw(image)
    level = chance.whole(120, 255)
    corners = [tuple(spot) for spot in (chance.rng.random((chance.whole(3, 6), 2)) * side).tolist()]
    if chance.yes(0.4):
        pen.polygon(corners, fill=level)
    elif chance.yes(0.5):
        pen.ellipse((0, 0, side - 1, side - 1), fill=level)
        pen.ellipse((side * 0.2, side * 0.1, side * 0.8, side * chance.real(0.5, 0.9)), fill=0)
    else:
        pen.rectangle((0, 0, side - 1, side - 1), outline=level, width=max(1, side // 12))
        pen.line([(0, side), (side / 2, 0), (side, side)], fill=level, width=max(1, side // 10))
    sheet.press(np.asarray(image), round(box[0] * sheet.scale), round(box[1] * sheet.scale))
    if chance.yes(0.4):
        kind = Type(draft.style.heading.face, (box[3] - box[1]) * 0.5, bold=True)
        sheet.line_of(initials(draft.matter.parties[0])[:3], (box[2] + 4, box[3] - 4), kind)


def picture(draft: Draft, box: Box) -> None:
    """A photograph, as far as a copier keeps one: soft patches of grey in a frame."""
    chance, sheet = draft.chance, draft.sheet
    wide, high = (max(2, round((box[at + 2] - box[at]) * sheet.scale)) for at in (0, 1))
    coarse = Image.fromarray(chance.rng.integers(10, 250, (chance.whole(3, 9), chance.whole(3, 12)), dtype=np.uint8))
    patches = np.asarray(coarse.resize((wide, high), chance.of((Image.Resampling.BICUBIC, Image.Resampling.BOX))))
    sheet.press(patches, round(box[0] * sheet.scale), round(box[1] * sheet.scale))


def chart(draft: Draft, box: Box) -> None:
    """A chart of bars or of lines, with numbers at its axes."""
    chance, sheet = draft.chance, draft.sheet
    x0, y0, x1, y1 = box
    sheet.rule(x0, x1, y1, 0.8)
    sheet.post(x0, y0, y1, 0.8)
    values = chance.rng.random(chance.whole(4, 12)) * (y1 - y0) * 0.9
    wide, small = (x1 - x0) / len(values), draft.style.body.sized(0.6)
    if chance.yes(0.6):
        for place, value in enumerate(values):
            left = x0 + wide * (place + 0.2)
            sheet.bar((left, y1 - value, left + wide * 0.6, y1), chance.whole(0, 190))
    else:
        spots = [(x0 + wide * (place + 0.5), y1 - value) for place, value in enumerate(values)]
        sheet.strokes([np.array(spots, np.float32)], 1.0)
    for place in range(0, len(values), 2):
        sheet.line_of(str(1990 + place), (x0 + wide * place, y1 + small.size + 1), small)
    for place in range(4):
        sheet.line_of(f"{place * 25}", (x0 - 3, y1 - place * (y1 - y0) / 4), small, "right")


def _faxed(draft: Draft) -> None:
    chance, matter = draft.chance, draft.matter
    day = matter.day.strftime(chance.of(("%b-%d-%y", "%m/%d/%Y", "%Y-%m-%d")))
    clock = f"{chance.whole(8, 19):02}:{chance.whole(0, 59):02}"
    line = f"TO: {chance.whole(2 * 10**9, 10**10 - 1)} P.{chance.whole(1, 20):03}"
    text = f"{day} {clock} FROM: {matter.parties[0][:18]} {line}"
    draft.sheet.line_of(text, (chance.real(10, 60), chance.real(12, 20)), Type(_mono(draft), chance.real(7, 9.5)))


def _numbered(draft: Draft) -> None:
    chance = draft.chance
    text = f"{chance.of(('', 'ABC', 'DEF-', 'TX '))}{chance.whole(10**5, 10**8):08}"
    at = (draft.sheet.width - chance.real(20, 60), draft.sheet.height - chance.real(14, 34))
    draft.sheet.line_of(text, at, Type(_mono(draft), chance.real(8, 13), bold=chance.yes(0.5)), "right")


def _registered(draft: Draft) -> None:
    text = f"Received by {draft.matter.parties[1][:20]} {when(draft.matter, draft.chance, 30)}"
    at = (draft.sheet.width / 2, draft.chance.of((14.0, draft.sheet.height - 12)))
    draft.sheet.line_of(text, at, Type(draft.style.body.face, 8), "centre")


def _barcode(draft: Draft) -> None:
    chance, sheet = draft.chance, draft.sheet
    x, y = chance.real(30, max(30, sheet.width - 170)), chance.of((14.0, sheet.height - 42))  # till rolls are narrow
    for _ in range(chance.whole(30, 60)):
        wide = chance.whole(1, 3)
        sheet.bar((x, y, x + wide, y + 24))
        x += wide + chance.whole(1, 3)


def _stapled(draft: Draft) -> None:
    chance = draft.chance
    x, y, lean = chance.real(12, 40), chance.real(12, 40), chance.real(-9, 9)
    for shift, level in ((1.2, 150), (0.0, chance.whole(30, 90))):  # its shadow, then the wire
        wire = np.array(((x + shift, y + shift), (x + 11 + shift, y + lean + shift)), np.float32)
        draft.sheet.strokes([wire], 1.3, level)


def _mono(draft: Draft) -> Face:
    return draft.chance.of(fonts.faces("mono"))


def furnish(draft: Draft) -> None:
    """Now and then, what offices and their machines leave on a page."""
    for thing, share in ((_faxed, 0.06), (_numbered, 0.1), (_registered, 0.05), (_barcode, 0.03), (_stapled, 0.07)):
        if draft.chance.yes(share):
            thing(draft)


def stamped(draft: Draft) -> None:
    """A rubber stamp somewhere on the page."""
    chance, matter = draft.chance, draft.matter
    day = matter.day.strftime(chance.of(("%d %b %Y", "%b %d %Y", "%Y-%m-%d", "%d.%m.%Y")))
    text = chance.of(STAMPS if matter.tongue.latin else STAMPS[:7]).replace("{date}", day)
    lines = draft.fill(text).upper().split("|")
    at = (chance.real(60, draft.sheet.width - 60), chance.real(40, draft.sheet.height - 50))
    hands.stamp(draft.sheet, [line[:26] for line in lines], at, chance.real(8, 22), chance)
    draft.added.add("stamp")
