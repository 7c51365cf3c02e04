"""Pages written by hand, and what a pen adds to a printed one: notes, strokes, circles; and pages with nothing on."""

from __future__ import annotations

from collections.abc import Iterator

from infra.train.pages import hands
from infra.train.pages.draft import Draft
from infra.train.pages.hands import Hand
from infra.train.pages.matter import when
from infra.train.pages.tongues import ENGLISH

__all__ = ["annotate", "blank", "emphasise", "handwritten"]


def handwritten(draft: Draft) -> None:
    """A page written by hand, on plain, lined or squared paper, at times under a printed heading."""
    chance, sheet = draft.chance, draft.sheet
    hand = hands.pick(chance, chance.real(7, 14), draft.matter.tongue)
    pitch = hand.size * chance.real(1.7, 2.9)
    top = _paper(draft, pitch)
    left, right = chance.real(20, 90), sheet.width - chance.real(15, 80)
    rows = int((sheet.height - top - 30) / pitch)
    lines = _lines(draft, hand, right - left)
    for row in range(chance.whole(0, 2), chance.whole(min(6, rows), rows) if chance.yes(0.5) else rows):
        text = next(lines)
        if text:
            hands.write(sheet, text, (left + chance.real(-4, 4), top + row * pitch), hand, chance, right)
    draft.added.add("hand")
    draft.size = hand.size * 1.4
    if chance.yes(0.35):
        at = (chance.real(left, max(left + 1, right - 150)), sheet.height - chance.real(30, 90))
        hands.sign(sheet, chance.of(draft.matter.people), at, hand.size * 1.6, chance)
        draft.added.add("signature")


def _paper(draft: Draft, pitch: float) -> float:
    """Rule the paper, or don't; return the first baseline."""
    chance, sheet, top = draft.chance, draft.sheet, draft.chance.real(40, 90)
    paper, level = chance.weighed({"plain": 6, "lined": 4, "squared": 1}), chance.whole(140, 215)
    if chance.yes(0.2):
        sheet.line_of(draft.matter.parties[0], (sheet.width / 2, 30), draft.style.heading.sized(1.3), "centre")
    for place in range(int((sheet.height - top) / pitch) + 1 if paper != "plain" else 0):
        sheet.rule(0, sheet.width, top + place * pitch + 3, 0.6, level)
    if paper == "squared":
        for place in range(1, int(sheet.width / pitch)):
            sheet.post(place * pitch, 0, sheet.height, 0.6, level)
    if paper == "lined" and chance.yes(0.5):
        sheet.post(chance.real(50, 80), 0, sheet.height, 0.8, level)
    return top


def _lines(draft: Draft, hand: Hand, width: float) -> Iterator[str]:
    """Lines of a letter, or else of a will or of notes, about as long as the page is wide."""
    chance, tongue = draft.chance, draft.matter.tongue
    if draft.kind == "letter":
        texts = tongue.letters
        yield f"{draft.matter.cities[0]}, {when(draft.matter, chance)}"
        yield ""
        yield f"Dear {chance.of(draft.matter.people)}," if tongue is ENGLISH else draft.say("Dear Sir or Madam")
    else:
        texts = tongue.wills if tongue.wills and chance.yes(0.5) else tongue.reports + tongue.notes
    while True:
        words, line, used = draft.tell(texts, chance.whole(2, 7)).split(), [], 0.0
        for word in words:
            line.append(word)
            used += hand.size * (0.68 * len(word) + 0.6)
            if used > width - hand.size * 2:
                yield " ".join(line)
                line, used = [], 0.0
        yield " ".join(line)


def annotate(draft: Draft) -> None:
    """Notes that somebody wrote on a printed page, and often strokes with them."""
    chance, sheet = draft.chance, draft.sheet
    hand = hands.pick(chance, chance.real(7.5, 13), draft.matter.tongue)
    for _ in range(chance.weighed({1: 4, 2: 3, 3: 2, 5: 1})):
        x = chance.of((chance.real(12, 60), chance.real(60, sheet.width * 0.7), sheet.width - chance.real(70, 110)))
        text = draft.fill(chance.of(draft.matter.tongue.notes))
        hands.write(sheet, text, (x, chance.real(25, sheet.height - 25)), hand, chance, sheet.width - 20)
    draft.added.add("hand")
    if chance.yes(0.4):
        emphasise(draft)


def emphasise(draft: Draft) -> None:
    """Strokes under, through and round words: ink of a pen, but nothing written."""
    printed = [word for word in draft.sheet.words if not word.hand]
    for _ in range(draft.chance.whole(1, 4) if printed and not draft.sheet.mirrored else 0):
        x0, y0, x1, y1 = (value / draft.sheet.scale for value in draft.chance.of(printed).box)
        mark = hands.circle if draft.chance.yes(0.4) else hands.strike
        mark(draft.sheet, (x0, y0, x1, y1), draft.chance)


def blank(draft: Draft) -> None:
    """Nothing, or a lone rule; the scanner adds its dust, and what shines through."""
    if draft.chance.yes(0.15):
        draft.sheet.rule(draft.left, draft.right, draft.chance.of((draft.top, draft.bottom)))
