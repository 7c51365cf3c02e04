"""Letters, faxes' covers and memoranda, and what closes a page: a signature, or blocks to sign in."""

from __future__ import annotations

from infra.train.pages import hands
from infra.train.pages.draft import Draft, running
from infra.train.pages.extras import logo
from infra.train.pages.hands import Hand
from infra.train.pages.matter import when
from infra.train.pages.prose import flow, heading
from infra.train.pages.tongues import ENGLISH

__all__ = ["cover", "letter", "mail", "signatures"]

CLOSINGS = ("Sincerely,", "Yours faithfully,", "Very truly yours,", "Kind regards,", "Best regards,")
POSITIONS = ("Director", "Vice President", "Manager", "General Counsel", "", "Secretary", "Partner")
SUBJECTS = (
    "Re: {adj} {noun}",
    "Subject: {noun} of {date}",
    "Our ref. {n}/{noun}",
    "RE: {a} / {b}",
    "{Noun} and {noun}",
)
WITNESS = "IN WITNESS WHEREOF, the parties have executed this Agreement as of the date first written above."


def letter(draft: Draft) -> None:
    """A business letter: letterhead, addressee, subject, paragraphs, signature; or its second page."""
    matter, chance, body = draft.matter, draft.chance, draft.style.body
    english = matter.tongue is ENGLISH
    y = _letterhead(draft) if chance.yes(0.75) else draft.top
    day = draft.note("date", when(matter, chance), "letter")
    for text in (day, "", chance.of(matter.people), matter.parties[1], matter.streets[1], matter.cities[1], ""):
        draft.sheet.line_of(text, (draft.left, y + body.size), body)
        y += draft.pitch
    subject = draft.fill(chance.of(SUBJECTS)) if english else f"{draft.say('Subject')}: {chance.of(matter.nouns)}"
    y = draft.set(subject, y, body.heavy, "left") + draft.pitch
    dear = f"Dear {chance.of(('Sir or Madam', matter.people[1], matter.people[2].split()[-1]))}:"
    y = draft.set(dear if english else draft.say("Dear Sir or Madam") + ",", y, body, "left") + draft.pitch
    texts = matter.tongue.agreed if matter.tongue.agreed and chance.yes(0.4) else matter.tongue.letters
    for _ in range(chance.whole(1, 6)):
        if y > draft.bottom - 130:
            break
        y = draft.set(draft.tell(texts, chance.whole(1, 4)), y, indent=draft.style.indent) + draft.pitch * 0.7
    _close(draft, min(y, draft.bottom - 80) + draft.pitch)


def _letterhead(draft: Draft) -> float:
    chance, matter, body = draft.chance, draft.matter, draft.style.body
    align = chance.of(("left", "centre", "right"))
    y = draft.top
    if chance.yes(0.5):
        tall = chance.real(24, 46)
        at = {"left": draft.left, "centre": draft.sheet.width / 2 - tall / 2, "right": draft.right - tall}[align]
        logo(draft, (at, y - tall, at + tall, y))
        y += 6
    y = heading(draft, y, matter.parties[0], chance.of((1.3, 1.6, 2.0)), align)
    y = draft.set(f"{matter.streets[0]}, {matter.cities[0]}", y, body.sized(0.8), align)
    if chance.yes(0.4):
        draft.sheet.rule(draft.left, draft.right, y + 3, chance.of((0.5, 1.5)))
    return y + draft.pitch * 2


def _close(draft: Draft, y: float) -> None:
    chance, body, sheet = draft.chance, draft.style.body, draft.sheet
    x, person = draft.left + chance.of((0.0, draft.width / 2)), chance.of(draft.matter.people)
    english = draft.matter.tongue is ENGLISH
    sheet.line_of(chance.of(CLOSINGS) if english else draft.say("Sincerely"), (x, y), body)
    if chance.yes(0.6):
        hands.sign(sheet, person, (x, y + 38), chance.real(12, 22), chance)
        draft.added.add("signature")
    elif chance.yes(0.4):
        sheet.line_of(f"/s/ {person}", (x, y + 34), body)
    sheet.line_of(person, (x, y + 60), body)
    if english:
        sheet.line_of(chance.of(POSITIONS), (x, y + 60 + draft.pitch), body)


def cover(draft: Draft) -> None:
    """The cover of a fax, a memorandum or an e-mail: to, from, date, subject, then a few lines."""
    matter, chance, body = draft.matter, draft.chance, draft.style.body
    name = chance.of(("FAX", "FACSIMILE TRANSMITTAL", "MEMORANDUM", "MEMO", "", "Message"))
    y = heading(
        draft, draft.top, name if matter.tongue is ENGLISH else matter.parties[0], chance.of((1.4, 2.0, 2.8)), "left"
    )
    hand, written = hands.pick(chance, 10, matter.tongue), name[:1] == "F" and chance.yes(0.3)
    pairs = (
        ("To", chance.of(matter.people)), ("From", chance.of(matter.people)), ("Date", when(matter, chance)),
        ("Telephone", f"{chance.whole(200, 999)}-{chance.whole(200, 999)}-{chance.whole(1000, 9999)}"),
        ("Subject", chance.of(matter.nouns)), ("Company", matter.parties[1]),
    )  # fmt: skip
    for label, value in pairs[: chance.whole(3, 6)]:
        base = y + body.size
        draft.sheet.line_of(draft.say(label) + ":", (draft.left, base), body.heavy)
        if written:
            hands.write(draft.sheet, value, (draft.left + 80, base), hand, chance, draft.right)
            draft.added.add("hand")
        else:
            draft.sheet.line_of(value, (draft.left + 80, base), body)
        y += draft.pitch * 1.5
    draft.sheet.rule(draft.left, draft.right, y, chance.of((0.5, 1, 2)))
    for _ in range(chance.whole(0, 4)):
        y = draft.set(draft.tell(matter.tongue.letters, chance.whole(1, 3)), y + 8)


def mail(draft: Draft) -> None:
    """A printed e-mail, and those it answers below it."""
    matter, chance, body = draft.matter, draft.chance, draft.style.body
    y, subject = draft.top, f"{chance.of(('RE: ', 'FW: ', ''))}{chance.of(matter.nouns).title()}"
    for _ in range(chance.whole(1, 3)):
        if y > draft.bottom - 10 * draft.pitch:
            break
        sender, reader = chance.some(matter.people, 2)
        address = f"<{sender.split()[0].lower()}@{chance.of(matter.nouns).lower()}.com>"
        clock = f"{when(matter, chance)} {chance.whole(1, 12)}:{chance.whole(10, 59)} {chance.of(('AM', 'PM'))}"
        pairs = (("From", f"{sender} {address}"), ("Date", clock), ("To", reader), ("Subject", subject))
        for label, value in pairs:
            y = draft.set(f"{draft.say(label)}: {value}", y, body, "left")
        for _ in range(chance.whole(1, 3)):
            y = draft.set(draft.tell(matter.tongue.letters, chance.whole(1, 3)), y + 8, body, "left")
        y = draft.set(sender, y + 8, body, "left") + draft.pitch


def signatures(draft: Draft) -> None:
    """The end of a contract: a last clause, then blocks to sign in, signed or not, dated by hand or not."""
    running(draft)
    matter, chance = draft.matter, draft.chance
    y, ends = draft.top, draft.top + chance.real(20, 300)
    if chance.yes(0.75):
        y = flow(draft, (draft.left, y, draft.right, ends), chance.whole(8, 30)) + draft.pitch
    y = draft.set(WITNESS if matter.tongue is ENGLISH else draft.say("Witness") + ".", y) + 14
    signed, side = chance.yes(0.75), chance.yes(0.5)
    how = (signed, signed and chance.yes(0.35), not signed and chance.yes(0.35))
    hand = hands.pick(chance, 10, matter.tongue)
    for index, party in enumerate(matter.parties):
        at = (draft.left + index * (draft.width / 2 + 10), y) if side else (draft.left, y + index * 125)
        _block(draft, at, draft.note("party", party, "signature"), how, hand)


def _block(draft: Draft, at: tuple[float, float], party: str, how: tuple[bool, bool, bool], hand: Hand) -> None:
    """A block to sign in; `how`: signed, dated (and at times named) by hand, or signed with a typed /s/."""
    x, y = at
    chance, body, sheet = draft.chance, draft.style.body, draft.sheet
    person, end = chance.of(draft.matter.people), x + draft.width / 2 - 20
    sheet.line_of(party[:34], (x, y + body.size), body.heavy)
    if y + 30 + 4 * draft.pitch > sheet.height:
        return
    named = how[1] and chance.yes(0.5)
    day = draft.matter.day.strftime(chance.of(("%m/%d/%y", "%d.%m.%Y", "%m-%d-%Y", "%d/%m/%Y")))
    for row, (label, value) in enumerate((("By", ""), ("Name", person), ("Title", ""), ("Date", day))):
        base = y + 34 + row * max(draft.pitch, 17)
        start = x + sheet.line_of(draft.say(label) + ":", (x, base), body) + 8
        sheet.rule(start - 4, end, base + 2)
        if label == "By" and how[0] and chance.yes(0.85):
            hands.sign(sheet, person, (start, base), chance.real(12, 22), chance)
            draft.added.add("signature")
        elif label == "By" and how[2]:
            sheet.line_of(f"/s/ {person}", (start, base), body)
        elif value and (how[1] if label == "Date" else named):
            hands.write(sheet, value, (start, base), hand, chance, end)
            draft.added.add("hand")
        elif label == "Name":
            sheet.line_of(value, (start, base), body)
