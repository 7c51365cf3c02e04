"""Forms: labelled blanks, boxes to tick and numbered questions, filled in by machine, by hand, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from infra.train.pages import hands
from infra.train.pages.draft import Draft, running
from infra.train.pages.extras import logo
from infra.train.pages.grids import grid
from infra.train.pages.hands import Hand
from infra.train.pages.prose import heading
from infra.train.pages.sheet import pieces
from infra.train.pages.tongues import ENGLISH

__all__ = ["form", "questions"]

Box = tuple[float, float, float, float]
LABELS = {
    "Name": "person", "Company": "a", "Address": "place", "City": "city", "Region": "state", "Date": "date",
    "Telephone": "phone", "Amount": "amount", "Number": "n", "Subject": "noun", "To": "person",
    "From": "person", "Title": "noun", "Signature": "", "Code": "n", "Start": "date", "End": "date",
    "Remarks": "thing", "Contact": "person", "Description": "thing", "Quantity": "n", "Status": "boxes",
}  # fmt: skip
ENGLISH_LABELS = {
    "Full name of registrant": "a", "State": "state", "Fax": "phone", "Date of birth": "date",
    "Occupation": "noun", "Employer": "b", "Pages": "n", "Re": "noun", "Reference No.": "n",
    "Approved by": "person", "Brand": "noun", "Manufacturer": "b", "Product description": "thing",
    "Sample No.": "n", "Requested by": "person", "Check one": "boxes", "Department": "noun",
    "Nature of business": "noun", "Purpose": "thing", "Period from": "date", "Citizenship": "state",
    "Test": "noun", "Lot": "n", "Reported by": "person", "Copies to": "person", "Project": "noun",
    "Type of": "noun",
}  # fmt: skip
QUESTIONS = (
    "Name and address of {noun}:", "State the nature of the {noun} and of any {adj} {nouns}.",
    "Has the registrant received any {noun} or {noun} during this period?", "If yes, give date and amount.",
    "Describe fully all {nouns} in which you intend to {verb}.", "Date of the {noun} and place where it is kept:",
    "List all persons who {verb} {nouns} on behalf of the {noun}.", "Explain any changes since {date}.",
    "Are any {nouns} owned or controlled by a {adj} {noun}?", "Total amount of {nouns} disbursed:",
)  # fmt: skip
ANSWERS = ("{thing}, {place}", "{a}", "{person}, {city}", "{amount} {date}", "None", "See Exhibit {letter}")


@dataclass(frozen=True, slots=True)
class Filled:
    """How a form is filled: `by` hand, machine or nobody; `boxed` fields or ruled ones; the `hand`."""

    by: str
    boxed: bool
    hand: Hand


def _filled(draft: Draft) -> Filled:
    chance = draft.chance
    by = chance.weighed({"hand": 4, "machine": 5, "nobody": 1.5})
    return Filled(by, chance.yes(0.4), hands.pick(chance, 9.5, draft.matter.tongue))


def _answer(draft: Draft, what: str) -> str:
    chance = draft.chance
    if what == "phone":
        return f"({chance.whole(200, 999)}) {chance.whole(200, 999)}-{chance.whole(1000, 9999)}"
    return draft.fill("{" + what + "}") if what and what != "boxes" else ""


def _headed(draft: Draft) -> float:
    chance = draft.chance
    y = draft.top
    if chance.yes(0.3):
        logo(draft, (draft.left, y - 34, draft.left + 32, y - 2))
    if chance.yes(0.3):
        for text in (draft.matter.parties[0].upper(), draft.matter.cities[0]):
            y = draft.set(text, y, draft.style.body.sized(0.9), "centre")
    y = heading(draft, y, draft.title, chance.of((1.2, 1.5)), chance.of(("centre", "centre", "left")))
    if chance.yes(0.5):
        y = draft.set(draft.tell(draft.matter.tongue.clauses, 1), y, draft.style.body.sized(0.85)) + 6
    return y


def form(draft: Draft) -> None:
    """Labelled blanks in rows, in one to three columns, perhaps with a small table and a place to sign below."""
    running(draft)
    chance, body = draft.chance, draft.style.body
    y, filled = _headed(draft), _filled(draft)
    labels = LABELS | ENGLISH_LABELS if draft.matter.tongue is ENGLISH else LABELS
    pitch, row = chance.real(1.5, 2.8) * body.size, 0
    last = draft.bottom - chance.of((10.0, 10.0, 150.0, 300.0))
    across = chance.of((1, 1, 2, 2, 3))
    while y + pitch < last:
        if chance.yes(0.12):
            across = chance.of((1, 2, 2, 3, 4))
            y = draft.set(draft.fill(chance.of(draft.matter.tongue.headings)).upper(), y + 4, body.heavy, "left") + 2
        wide = draft.width / across
        for column in range(across):
            box = (draft.left + column * wide, y, draft.left + (column + 1) * wide, y + pitch)
            _field(draft, (label := chance.of(list(labels))), labels[label], box, filled)
        y, row = y + pitch, row + 1
    if draft.bottom - y > 120 and chance.yes(0.6):
        y = grid(draft, y + 10, chance.whole(2, 5), chance.whole(2, 8))
    if draft.bottom - y > 30 and chance.yes(0.6):
        y = draft.set(draft.tell(draft.matter.tongue.clauses, chance.whole(1, 3)), y + 10, body.sized(0.9))
    if draft.bottom - y > 40 and chance.yes(0.5):
        _field(draft, "Signature", "", (draft.left, y + 10, draft.left + draft.width * 0.6, y + 38), filled)


def _field(draft: Draft, label: str, what: str, box: Box, filled: Filled) -> None:
    x0, y0, x1, y1 = box
    chance, sheet, body = draft.chance, draft.sheet, draft.style.body
    base, small = y1 - 4, body.sized(0.75)
    if filled.boxed:
        sheet.frame(box, 0.6)
        used = sheet.line_of(draft.say(label), (x0 + 3, y0 + small.size + 1), small)
        used = 0.0 if y1 - y0 > 2 * body.size else used
    else:
        used = sheet.line_of(draft.say(label) + chance.of((":", ":", "")), (x0, base), body)
        if x1 - 8 > x0 + used + 3:
            sheet.rule(x0 + used + 3, x1 - 8, base + 2.5, 0.5)
    x = x0 + used + 6
    if what == "boxes":
        _boxes(draft, (x, base, x1), filled)
    elif label == "Signature":
        if filled.by != "nobody" and chance.yes(0.8):
            hands.sign(sheet, chance.of(draft.matter.people), (x, base), filled.hand.size * 1.4, chance)
            draft.added.add("signature")
    elif chance.yes(0.85):
        fill_in(draft, _answer(draft, what), (x, base, x1 - 6), filled)


def fill_in(draft: Draft, text: str, place: tuple[float, float, float], filled: Filled) -> None:
    """Fill a blank, as much of the text as fits: from x along the baseline to the right edge."""
    x, base, right = place
    body = draft.style.body
    joint = "" if body.face.role == "chinese" else " "
    words = pieces(text, body)
    if filled.by == "hand" and words and right - x > 30:
        hands.write(draft.sheet, text, (x, base), filled.hand, draft.chance, right - 20)
        draft.added.add("hand")
    elif filled.by == "machine":
        while words and draft.sheet.width_of(joint.join(words), body) > right - x:
            words.pop()
        draft.sheet.line_of(joint.join(words), (x, base), body)


def _boxes(draft: Draft, place: tuple[float, float, float], filled: Filled) -> None:
    """Boxes to tick; a tick is no handwriting."""
    x, base, right = place
    chance, sheet, body = draft.chance, draft.sheet, draft.style.body
    for word in (draft.say("Yes"), draft.say("No"), "N/A"):
        if x + 40 > right:
            return
        sheet.frame((x, base - 7, x + 7, base), 0.7)
        if filled.by == "hand" and chance.yes(0.4):
            hands.tick(sheet, (x, base), 8, chance)
        elif filled.by == "machine" and chance.yes(0.4):
            sheet.line_of("X", (x + 1, base - 0.5), body.sized(0.8))
        x += 12 + sheet.line_of(word, (x + 10, base), body) + 6


def questions(draft: Draft) -> None:
    """A filed form: numbered questions with answers under them, typed or written, some on ruled lines."""
    running(draft)
    chance, tongue = draft.chance, draft.matter.tongue
    y, filled = _headed(draft) if chance.yes(0.6) else draft.top, _filled(draft)
    asked = QUESTIONS if tongue is ENGLISH else tongue.clauses
    small, ruled = draft.style.body.sized(chance.of((0.8, 0.9, 1))), chance.yes(0.4)
    for place in range(chance.whole(1, 12), 40):
        if y > draft.bottom - 50:
            break
        mark = draft.style.numbering.format(place, chance.whole(1, 3), chance.of("abcd"))
        y = draft.set(f"{mark} {draft.fill(chance.of(asked))}", y, small, "left") + 4
        if chance.yes(0.35):
            _boxes(draft, (draft.left + 20, y + small.size, draft.right), filled)
            y += draft.pitch * 1.3
        y = _answers(draft, y, filled, ruled) + draft.pitch
    if draft.bottom - y > 40 and chance.yes(0.5):
        _field(draft, "Signature", "", (draft.left, y + 10, draft.left + draft.width * 0.6, y + 38), filled)


def _answers(draft: Draft, y: float, filled: Filled, ruled: bool) -> float:
    """A few lines of answer, or empty ones; return the last baseline."""
    chance = draft.chance
    said = ANSWERS if draft.matter.tongue is ENGLISH else ANSWERS[:4]
    for _ in range(chance.whole(1, 4)):
        y += max(draft.pitch, 13.0) * (1.3 if ruled else 1)
        if ruled:
            draft.sheet.rule(draft.left + 18, draft.right, y + 2, 0.5)
        if chance.yes(0.8) and y < draft.bottom:
            fill_in(draft, draft.fill(chance.of(said)), (draft.left + 22, y, draft.right), filled)
    return y
