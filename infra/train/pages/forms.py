"""Forms, printed and filled in; pages written by hand; notes in the margin; stamps; empty pages."""

from __future__ import annotations

from infra.train.pages import english, hands
from infra.train.pages.draft import Draft, paragraph, running
from infra.train.pages.hands import Hand
from infra.train.pages.matter import fill, money, sentences, when
from infra.train.pages.prose import heading

__all__ = ["annotate", "blank", "form", "handwritten", "stamped"]

LABELS = {
    "Name": "person", "Full name of registrant": "a", "Company": "a", "Address": "place", "City": "city", "State": "state",
    "Date": "date", "Telephone": "phone", "Fax": "phone", "Amount": "amount", "Number": "n", "Subject": "noun", "To": "person",
    "From": "person", "Title": "noun", "Date of birth": "date", "Occupation": "noun", "Employer": "b", "Signature": "",
    "Pages": "n", "Re": "noun", "Reference No.": "n", "Approved by": "person", "Brand": "noun", "Manufacturer": "b",
    "Product description": "thing", "Sample No.": "n", "Requested by": "person", "Department": "noun", "Remarks": "note",
    "Nature of business": "noun", "Purpose": "thing", "Period from": "date", "to": "date", "Check one": "boxes",
}  # fmt: skip


def _answer(draft: Draft, what: str) -> str:
    chance = draft.chance
    if what == "phone":
        return f"({chance.whole(200, 999)}) {chance.whole(200, 999)}-{chance.whole(1000, 9999)}"
    if what == "note":
        return fill(chance.of(english.NOTES), draft.matter, chance)
    return fill("{" + what + "}", draft.matter, chance) if what and what != "boxes" else ""


def form(draft: Draft) -> None:
    """Labelled blanks in rows, ruled or boxed, filled by machine, by hand, or not at all."""
    running(draft)
    chance, sheet, body = draft.chance, draft.sheet, draft.style.body
    y = heading(draft, draft.top, draft.title)
    if chance.yes(0.5):
        told = sentences(english.CLAUSES, 1, draft.matter, chance)
        y = paragraph(draft, told.split(), body.sized(0.85), (draft.left, y, draft.right, draft.bottom)) + 6
    filled = chance.weighed({"hand": 4, "machine": 4, "none": 1.5})
    boxed, across = chance.yes(0.4), chance.of((1, 1, 2, 2, 3))
    hand, pitch = hands.pick(chance, 9.5), chance.real(1.5, 2.6) * body.size
    wide, row, labels = draft.width / across, 0, list(LABELS)
    while y + pitch < draft.bottom - 10:
        for column in range(across):
            label = chance.of(labels)
            _field(
                draft,
                label,
                (draft.left + column * wide, y, draft.left + (column + 1) * wide, y + pitch),
                (filled, boxed),
                hand,
            )
        y, row = y + pitch, row + 1
        if row > 5 and chance.yes(0.06):
            break
    if y < draft.bottom - 60:
        told = sentences(english.CLAUSES, chance.whole(0, 4), draft.matter, chance)
        paragraph(draft, told.split(), body.sized(0.9), (draft.left, y + 12, draft.right, draft.bottom))


def _field(draft: Draft, label: str, box: tuple[float, float, float, float], how: tuple[str, bool], hand: Hand) -> None:
    x0, y0, x1, y1 = box
    filled, boxed = how
    chance, sheet, body = draft.chance, draft.sheet, draft.style.body
    base, what = y1 - 4, LABELS[label]
    small = body.sized(0.75)
    if boxed:
        sheet.frame(box, 0.6)
        used = sheet.line_of(label, (x0 + 3, y0 + small.size + 1), small)
        used = 0.0 if y1 - y0 > 2 * body.size else used
    else:
        used = sheet.line_of(label + chance.of((":", ":", "")), (x0, base), body)
        sheet.rule(x0 + used + 3, x1 - 8, base + 2.5, 0.5)
    x = x0 + used + 6
    if what == "boxes":
        _boxes(draft, x, base, x1, filled)
    elif filled == "hand" and chance.yes(0.85):
        if label == "Signature":
            hands.sign(sheet, chance.of(draft.matter.people), (x, base), hand.size * 1.4, chance)
            draft.added.add("signature")
        else:
            hands.write(sheet, _answer(draft, what), (x, base), hand, chance, x1 - 25)
            draft.added.add("hand")
    elif filled == "machine" and chance.yes(0.85):
        words, limit = _answer(draft, what).split(), x1 - 6 - x
        while words and sheet.width_of(" ".join(words), body) > limit:
            words.pop()
        sheet.line_of(" ".join(words), (x, base), body)


def _boxes(draft: Draft, x: float, base: float, right: float, filled: str) -> None:
    chance, sheet, body = draft.chance, draft.sheet, draft.style.body
    for word in ("Yes", "No", "N/A"):
        if x + 40 > right:
            return
        sheet.frame((x, base - 7, x + 7, base), 0.7)
        if filled != "none" and chance.yes(0.4):
            hands.tick(sheet, (x, base), 8, chance)
            draft.added.add("hand" if filled == "hand" else "mark")
        sheet.line_of(word, (x + 10, base), body)
        x += 42


def handwritten(draft: Draft) -> None:
    """A page written by hand, on plain, lined or squared paper."""
    chance, sheet = draft.chance, draft.sheet
    hand = hands.pick(chance, chance.real(8, 14))
    pitch = hand.size * chance.real(1.9, 2.9)
    paper = chance.weighed({"plain": 5, "lined": 4, "squared": 1})
    level = chance.whole(150, 215)
    for place in range(1, int(sheet.height / pitch) if paper != "plain" else 0):
        sheet.rule(0, sheet.width, 30 + place * pitch + 3, 0.6, level)
    if paper == "squared":
        for place in range(1, int(sheet.width / pitch)):
            sheet.post(place * pitch, 0, sheet.height, 0.6, level)
    if paper == "lined" and chance.yes(0.5):
        sheet.post(60, 0, sheet.height, 0.8, level)
    left, right = chance.real(30, 80), sheet.width - chance.real(25, 70)
    rows = list(range(chance.whole(1, 4), int((sheet.height - 60) / pitch)))
    told = iter(_written(draft))
    rest: list[str] = []
    for row in rows[: chance.whole(6, len(rows)) if len(rows) > 6 else None]:
        line, used = [], 0.0
        while used < right - left - 40:
            rest = rest or next(told).split()
            word = rest.pop(0)
            line.append(word)
            used += hand.size * (0.62 * len(word) + 0.6)
        hands.write(sheet, " ".join(line), (left + chance.real(-3, 3), 30 + row * pitch), hand, chance, right)
    draft.added.add("hand")
    draft.size = hand.size * 1.4
    if chance.yes(0.35):
        hands.sign(
            sheet,
            chance.of(draft.matter.people),
            (chance.real(left, right - 150), sheet.height - chance.real(40, 90)),
            hand.size * 1.6,
            chance,
        )
        draft.added.add("signature")


def _written(draft: Draft):
    yield f"{draft.matter.cities[0]}, {when(draft.matter, draft.chance)}"
    yield f"Dear {draft.chance.of(draft.matter.people)},"
    while True:
        yield fill(draft.chance.of(english.LETTERS), draft.matter, draft.chance)


def annotate(draft: Draft) -> None:
    """Notes, strokes and circles that somebody made on a printed page."""
    chance, sheet = draft.chance, draft.sheet
    hand = hands.pick(chance, chance.real(8, 13))
    for _ in range(chance.weighed({1: 4, 2: 3, 3: 2, 5: 1})):
        x = chance.of((chance.real(12, 60), chance.real(100, sheet.width - 150), sheet.width - chance.real(70, 110)))
        text = fill(chance.of(english.NOTES), draft.matter, chance)
        hands.write(sheet, text, (x, chance.real(30, sheet.height - 30)), hand, chance, sheet.width - 20)
    printed = [word for word in sheet.words if not word.hand]
    for _ in range(chance.whole(0, 3) if printed else 0):
        box = chance.of(printed).box
        mark = hands.circle if chance.yes(0.4) else hands.strike
        mark(sheet, tuple(value / sheet.scale for value in box), chance)  # type: ignore[arg-type]
    draft.added.add("hand")


def stamped(draft: Draft) -> None:
    """A rubber stamp somewhere on the page."""
    chance, matter = draft.chance, draft.matter
    lines = chance.of((
        ["RECEIVED"], ["RECEIVED", when(matter, chance).upper()], ["COPY"], ["PAID"], ["APPROVED", "BY ______"], ["FILED", when(matter, chance)],
        ["CONFIDENTIAL"], [matter.parties[0][:20].upper(), matter.cities[0].upper()], ["ORIGINAL"], ["CANCELLED"], ["ENTERED", when(matter, chance)],
        ["NOTARY PUBLIC", matter.states[0].upper()],
    ))  # fmt: skip
    at = (chance.real(90, draft.sheet.width - 90), chance.real(50, draft.sheet.height - 60))
    hands.stamp(draft.sheet, lines, at, chance.real(9, 22), chance)
    draft.added.add("stamp")


def blank(draft: Draft) -> None:
    """Nothing; the scanner adds its dust."""
