"""Pages that are mostly running text: clauses, first pages, two columns, letters, title pages, contents."""

from __future__ import annotations

from infra.train.pages import english, hands
from infra.train.pages.draft import Draft, paragraph, running
from infra.train.pages.matter import fill, sentences, when

__all__ = ["clauses", "columns", "contents", "first_page", "heading", "letter", "signatures", "title_page"]


def heading(draft: Draft, y: float, text: str, factor: float = 1.4, align: str = "centre") -> float:
    """Print a heading from a height on; return where it ends."""
    kind = draft.style.heading.sized(factor).heavy
    return paragraph(draft, text.split(), kind, (draft.left, y, draft.right, draft.bottom), align) + draft.pitch * 0.6


def _numbered(draft: Draft, number: int) -> str:
    return draft.style.numbering.format(number, draft.chance.whole(1, 9), draft.chance.of("abcdefgh"))


def _flow(draft: Draft, box: tuple[float, float, float, float], number: int) -> float:
    """Headed, numbered clauses down to the foot of the box."""
    x0, y, x1, bottom = box
    chance, style, body = draft.chance, draft.style, draft.style.body
    while y < bottom - body.size:
        label = fill(chance.of(english.HEADINGS), draft.matter, chance)
        told = sentences(english.CLAUSES, chance.whole(1, 4), draft.matter, chance)
        mark = _numbered(draft, number)
        if style.gap >= 0.6 and chance.yes(0.7):
            y = paragraph(draft, [mark, *label.split()], style.heading, (x0, y, x1, bottom), "left")
            y = paragraph(draft, told.split(), body, (x0, y, x1, bottom), indent=style.indent)
        else:
            y = paragraph(draft, [mark, *f"{label}. {told}".split()], body, (x0, y, x1, bottom), indent=style.indent)
        y += style.gap * draft.pitch
        for letter in "abcdef"[: chance.whole(2, 6)] if chance.yes(0.2) else "":
            point = fill(chance.of(english.CLAUSES), draft.matter, chance)
            y = paragraph(draft, [f"({letter})", *point.split()], body, (x0 + 26, y, x1, bottom))
        number += 1
    return y


def clauses(draft: Draft) -> None:
    """A page out of the middle of a contract."""
    running(draft)
    _flow(draft, (draft.left, draft.top, draft.right, draft.bottom), draft.chance.whole(2, 30))


def first_page(draft: Draft) -> None:
    """Title, parties, recitals and the first clauses."""
    running(draft)
    matter, chance = draft.matter, draft.chance
    y = heading(draft, draft.top, draft.title, chance.of((1.2, 1.5, 1.9)), chance.of(("centre", "centre", "left")))
    for party in matter.parties:
        draft.note("party", party, draft.title)
    opening = english.RECITALS[:2] if draft.kind == "agreement" else english.AMENDING[:2]
    told = [fill(chance.of(opening), matter, chance)]
    told += [fill(text, matter, chance) for text in chance.some(english.RECITALS[2:], chance.whole(0, 3))]
    for text in told:
        box = (draft.left, y, draft.right, draft.bottom)
        y = paragraph(draft, text.split(), draft.style.body, box, indent=draft.style.indent) + draft.pitch * 0.6
    _flow(draft, (draft.left, y, draft.right, draft.bottom), 1)


def columns(draft: Draft) -> None:
    """Small print in two columns, or three."""
    running(draft)
    count, gap, y = draft.chance.weighed({2: 5, 3: 1}), 18, draft.top
    if draft.chance.yes(0.5):
        y = heading(draft, y, draft.title)
    wide = (draft.width - gap * (count - 1)) / count
    for column in range(count):
        x0 = draft.left + column * (wide + gap)
        _flow(draft, (x0, y, x0 + wide, draft.bottom), 1 + 6 * column)


def letter(draft: Draft) -> None:
    """A business letter: letterhead, addressee, subject, paragraphs, signature."""
    matter, chance, body = draft.matter, draft.chance, draft.style.body
    sender, other = matter.parties
    y = draft.top
    if chance.yes(0.75):
        y = heading(draft, y - 20, sender, chance.of((1.3, 1.6, 2.0)), chance.of(("left", "centre", "right")))
        address = f"{matter.streets[0]}, {matter.cities[0]}"
        draft.sheet.line_of(address, (draft.left, y), body.sized(0.8))
        y += draft.pitch * 2
    day = draft.note("date", when(matter, chance), "letter")
    for text in (day, "", chance.of(matter.people), other, matter.streets[1], matter.cities[1], ""):
        draft.sheet.line_of(text, (draft.left, y + body.size), body)
        y += draft.pitch
    subject = fill(
        chance.of(("Re: {adj} {noun}", "Subject: {noun} of {date}", "Our ref. {n}/{noun}", "RE: {a} / {b}")),
        matter,
        chance,
    )
    draft.sheet.line_of(subject, (draft.left, y + body.size), body.heavy)
    y += draft.pitch * 2
    draft.sheet.line_of(
        f"Dear {chance.of(('Sir or Madam', matter.people[1], 'Mr. ' + matter.people[2].split()[-1]))}:",
        (draft.left, y + body.size),
        body,
    )
    y += draft.pitch * 2
    for _ in range(chance.whole(1, 5)):
        told = sentences(english.LETTERS, chance.whole(1, 4), matter, chance)
        y = (
            paragraph(
                draft, told.split(), body, (draft.left, y, draft.right, draft.bottom - 110), indent=draft.style.indent
            )
            + draft.pitch * 0.7
        )
    _close(draft, min(y, draft.bottom - 100) + draft.pitch)


def _close(draft: Draft, y: float) -> None:
    chance, body = draft.chance, draft.style.body
    x = draft.left + chance.of((0.0, draft.width / 2))
    draft.sheet.line_of(
        chance.of(("Sincerely,", "Yours faithfully,", "Very truly yours,", "Kind regards,")), (x, y), body
    )
    person = chance.of(draft.matter.people)
    if chance.yes(0.75):
        hands.sign(draft.sheet, person, (x, y + 38), chance.real(12, 22), chance)
        draft.added.add("signature")
    draft.sheet.line_of(person, (x, y + 60), body)
    draft.sheet.line_of(
        chance.of(("Director", "Vice President", "Manager", "General Counsel", "")), (x, y + 60 + draft.pitch), body
    )


def signatures(draft: Draft) -> None:
    """The end of a contract: a last clause, then blocks to sign in, signed or not, dated by hand or not."""
    running(draft)
    matter, chance, body = draft.matter, draft.chance, draft.style.body
    y, ends = draft.top, draft.top + chance.real(20, 260)
    if chance.yes(0.7):
        y = _flow(draft, (draft.left, y, draft.right, ends), chance.whole(8, 30)) + draft.pitch
    witness = "IN WITNESS WHEREOF, the parties have executed this Agreement as of the date first written above."
    y = paragraph(draft, witness.split(), body, (draft.left, y, draft.right, draft.bottom)) + 14
    signed, side = chance.yes(0.72), chance.yes(0.5)
    dated = signed and chance.yes(0.35)
    hand = hands.pick(chance, 10)
    for index, party in enumerate(matter.parties):
        x = draft.left + (index * (draft.width / 2 + 10) if side else 0)
        top = y if side else y + index * 120
        _block(draft, (x, top), draft.note("party", party, "signature"), (signed and chance.yes(0.85), dated), hand)


def _block(draft: Draft, at: tuple[float, float], party: str, filled: tuple[bool, bool], hand: hands.Hand) -> None:
    x, y = at
    chance, body, sheet = draft.chance, draft.style.body, draft.sheet
    person, end = chance.of(draft.matter.people), x + draft.width / 2 - 20
    sheet.line_of(party.upper() if chance.yes(0.4) else party, (x, y + body.size), body.heavy)
    if y + 30 + 4 * draft.pitch > sheet.height:
        return
    for row, (label, value) in enumerate(
        (("By:", ""), ("Name:", person), ("Title:", chance.of(("President", "CEO", "Director"))), ("Date:", ""))
    ):
        base = y + 34 + row * max(draft.pitch, 17)
        width = sheet.line_of(label, (x, base), body)
        sheet.rule(x + width + 4, end, base + 2)
        if value:
            sheet.line_of(value, (x + width + 8, base), body)
        elif label == "By:" and filled[0]:
            hands.sign(sheet, person, (x + width + 12, base), chance.real(12, 22), chance)
            draft.added.add("signature")
        elif label == "Date:" and filled[1]:
            hands.write(
                sheet,
                draft.matter.day.strftime(chance.of(("%m/%d/%y", "%d %b %Y", "%m-%d-%Y"))),
                (x + width + 10, base),
                hand,
                chance,
                end,
            )
            draft.added.add("hand")


def title_page(draft: Draft) -> None:
    """A cover: title, parties and date with much white between."""
    chance, matter = draft.chance, draft.matter
    y = heading(draft, draft.sheet.height * chance.real(0.15, 0.4), draft.title, chance.of((1.8, 2.4, 3.0)))
    for text in (
        "between",
        matter.parties[0],
        "and",
        matter.parties[1],
        "",
        draft.note("date", when(matter, chance, 3), draft.title),
    ):
        draft.sheet.line_of(text, (draft.sheet.width / 2, y), draft.style.body.sized(1.2), "centre")
        y += draft.pitch * 2
    if chance.yes(0.5):
        draft.sheet.frame((draft.left - 20, draft.top - 20, draft.right + 20, draft.bottom + 20), chance.real(0.5, 3))


def contents(draft: Draft) -> None:
    """A table of contents with dotted leaders."""
    running(draft)
    chance, body, sheet = draft.chance, draft.style.body, draft.sheet
    y, page = heading(draft, draft.top, "TABLE OF CONTENTS") + body.size, 1
    for number in range(1, 60):
        if y > draft.bottom:
            return
        label = f"{_numbered(draft, number)} {fill(chance.of(english.HEADINGS), draft.matter, chance)}"
        width = sheet.line_of(label[:60], (draft.left, y), body)
        last = sheet.line_of(str(page), (draft.right, y), body, "right")
        dot = sheet.measure(".", body) + 1.2
        x = draft.left + width + 5
        while x < draft.right - last - 6:
            sheet.rule(x, x + 0.9, y - 0.4, 0.9)
            x += dot
        y += draft.pitch
        page += chance.whole(0, 3)
