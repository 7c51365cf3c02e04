"""Pages that are mostly running text: clauses, first pages, columns, reports, court papers, title pages, contents."""

from __future__ import annotations

from infra.train.pages.draft import Draft, paragraph, running
from infra.train.pages.extras import chart, picture
from infra.train.pages.matter import when
from infra.train.pages.tongues import ENGLISH

__all__ = [
    "article", "clauses", "columns", "contents", "court", "first_page", "flow", "heading", "number", "plain",
    "report", "title_page",
]  # fmt: skip

Box = tuple[float, float, float, float]
COURTS = ("IN THE CIRCUIT COURT OF", "SUPERIOR COURT OF", "UNITED STATES DISTRICT COURT,", "COURT OF APPEALS OF")
PAPERS = ("COMPLAINT", "ORDER", "NOTICE OF MOTION", "AFFIDAVIT", "STIPULATION", "ANSWER")


def heading(draft: Draft, y: float, text: str, factor: float = 1.4, align: str = "centre") -> float:
    """Print a heading from a height on; return where it ends."""
    return draft.set(text, y, draft.style.heading.sized(factor).heavy, align) + draft.pitch * 0.6


def number(draft: Draft, place: int) -> str:
    """A clause's number as the document writes numbers."""
    return draft.style.numbering.format(place, draft.chance.whole(1, 9), draft.chance.of("abcdefgh"))


def flow(draft: Draft, box: Box, place: int) -> float:
    """Headed, numbered clauses from this number on, down to the foot of the box."""
    x0, y, x1, bottom = box
    chance, body, tongue = draft.chance, draft.style.body, draft.matter.tongue
    texts = tongue.amending + tongue.clauses[:12] if draft.kind == "amendment" else tongue.clauses
    apart = draft.style.gap >= 0.6 and chance.yes(0.7)
    while y < bottom - body.size:
        label, told = draft.fill(chance.of(tongue.headings)), draft.tell(texts, chance.whole(1, 4))
        if apart:
            y = paragraph(draft, f"{number(draft, place)} {label}", draft.style.heading, (x0, y, x1, bottom), "left")
            y = paragraph(draft, told, body, (x0, y, x1, bottom), indent=draft.style.indent)
        else:
            text = f"{number(draft, place)} {label}. {told}"
            y = paragraph(draft, text, body, (x0, y, x1, bottom), indent=draft.style.indent)
        y += draft.style.gap * draft.pitch
        for letter in "abcdef"[: chance.whole(2, 6)] if chance.yes(0.2) else "":
            y = paragraph(draft, f"({letter}) {draft.tell(texts, 1)}", body, (x0 + 26, y, x1, bottom))
        place += 1
    return y


def clauses(draft: Draft) -> None:
    """A page out of the middle of a contract; the last page of one may end half way down."""
    running(draft)
    foot = draft.bottom if draft.chance.yes(0.85) else draft.chance.real(draft.top + 120, draft.bottom)
    flow(draft, (draft.left, draft.top, draft.right, foot), draft.chance.whole(2, 30))


def first_page(draft: Draft) -> None:
    """Title, parties, recitals and the first clauses."""
    running(draft)
    chance, tongue = draft.chance, draft.matter.tongue
    y = heading(draft, draft.top, draft.title, chance.of((1.2, 1.5, 1.9)), chance.of(("centre", "centre", "left")))
    for party in draft.matter.parties:
        draft.note("party", party, draft.title)
    opening = tongue.amending[:2] if draft.kind == "amendment" else tongue.opening[:2]
    told = [draft.fill(chance.of(opening))]
    told += [draft.fill(text) for text in chance.some(tongue.opening[2:], chance.whole(0, 3))]
    for text in told:
        y = draft.set(text, y, indent=draft.style.indent) + draft.pitch * 0.6
    flow(draft, (draft.left, y, draft.right, draft.bottom), 1)


def _columns(draft: Draft, y: float, count: int) -> list[Box]:
    gap = 18
    wide = (draft.width - gap * (count - 1)) / count
    starts = [draft.left + place * (wide + gap) for place in range(count)]
    return [(x0, y, x0 + wide, draft.bottom) for x0 in starts]


def columns(draft: Draft) -> None:
    """The small print of a contract in two columns, or three."""
    running(draft)
    y = heading(draft, draft.top, draft.title) if draft.chance.yes(0.5) else draft.top
    for place, box in enumerate(_columns(draft, y, draft.chance.weighed({2: 5, 3: 1}))):
        flow(draft, box, 1 + 6 * place)


def _told(draft: Draft, box: Box, figures: float) -> None:
    """Paragraphs of a report down to the foot of the box, with headings and figures between."""
    x0, y, x1, bottom = box
    chance, body, tongue = draft.chance, draft.style.body, draft.matter.tongue
    while y < bottom - body.size:
        if chance.yes(0.3):
            y = paragraph(
                draft, draft.fill(chance.of(tongue.headings)), draft.style.heading, (x0, y, x1, bottom), "left"
            )
        if chance.yes(figures) and y + 130 < bottom:
            tall = chance.real(70, 120)
            (chart if chance.yes(0.6) else picture)(draft, (x0 + 8, y + 6, x1 - 8, y + tall))
            y = paragraph(
                draft,
                f"Fig. {chance.whole(1, 30)}. {draft.tell(tongue.reports, 1)}",
                body.sized(0.85),
                (x0, y + tall + 4, x1, bottom),
            )
        text = draft.tell(tongue.reports, chance.whole(1, 5))
        y = paragraph(draft, text, body, (x0, y, x1, bottom), indent=draft.style.indent) + draft.style.gap * draft.pitch


def report(draft: Draft) -> None:
    """A page of a report: heading, paragraphs, charts."""
    running(draft)
    y = heading(draft, draft.top, draft.title) if draft.chance.yes(0.6) else draft.top
    _told(draft, (draft.left, y, draft.right, draft.bottom), 0.25)


def article(draft: Draft) -> None:
    """An article of a journal: title, authors, abstract, two columns with figures."""
    running(draft)
    chance = draft.chance
    y = heading(draft, draft.top, draft.title.title(), 1.7, chance.of(("left", "centre")))
    y = draft.set(", ".join(draft.matter.people[: chance.whole(1, 4)]), y, draft.style.body.slanted, "centre") + 4
    if chance.yes(0.7):
        y = draft.set(draft.tell(draft.matter.tongue.reports, 3), y, draft.style.body.sized(0.9).slanted) + 10
    for box in _columns(draft, y, 2):
        _told(draft, box, 0.3)


def plain(draft: Draft) -> None:
    """A page of a book or manual: nothing but paragraphs, dense or wide apart."""
    running(draft)
    y, tongue, chance = draft.top, draft.matter.tongue, draft.chance
    told = tongue.prose or tongue.reports + tongue.letters
    if chance.yes(0.4):
        title = draft.fill("{noun} {adj} {noun}").title()
        y = heading(draft, y, title, 1.5, chance.of(("left", "centre")))
    foot = draft.bottom if chance.yes(0.7) else chance.real(draft.top + 40, draft.bottom)
    while y < foot - draft.style.body.size:
        text = draft.tell(told, chance.whole(3, 8) if foot == draft.bottom else 1)
        y = draft.set(text, y, indent=max(16.0, draft.style.indent)) + draft.style.gap * draft.pitch


def court(draft: Draft) -> None:
    """A court paper: caption of parties and number, title, numbered paragraphs, at times numbered lines."""
    running(draft)
    chance, matter, body, sheet = draft.chance, draft.matter, draft.style.body, draft.sheet
    y, tongue = draft.top, matter.tongue
    if tongue is ENGLISH and chance.yes(0.6):
        y = heading(draft, y, f"{chance.of(COURTS)} {matter.states[0].upper()}", 1.1)
        middle, top = draft.left + draft.width / 2, y
        for text in (f"{matter.parties[0]},", "Plaintiff,", "v.", f"{matter.parties[1]},", "Defendant."):
            sheet.line_of(text, (draft.left + (20 if text[-2:] in {"f,", "v."} else 0), y + body.size), body)
            y += draft.pitch * 1.4
        sheet.post(middle, top, y)
        sheet.line_of(
            f"Case No. {draft.note('number', matter.number, 'case')}", (middle + 14, top + 2 * draft.pitch), body
        )
        y = heading(draft, y + 10, chance.of(PAPERS), 1.1)
    for place in range(chance.whole(1, 20), 60):
        text = f"{place}. {draft.tell(tongue.court or tongue.reports + tongue.clauses[:8], chance.whole(1, 3))}"
        y = draft.set(text, y, indent=30) + draft.pitch * 0.5
    if chance.yes(0.4):
        rows = int((draft.bottom - draft.top) / 24)
        for row in range(rows):
            sheet.line_of(str(row + 1), (draft.left - 14, draft.top + 14 + row * 24), body.sized(0.9), "right")
        sheet.post(draft.left - 8, 10, sheet.height - 10)


def title_page(draft: Draft) -> None:
    """A cover: title, parties and date with much white between."""
    chance, matter, sheet = draft.chance, draft.matter, draft.sheet
    y = heading(draft, sheet.height * chance.real(0.15, 0.4), draft.title, chance.of((1.8, 2.4, 3.0)))
    between, both = ("between", "and") if matter.tongue is ENGLISH else ("—", "/")
    day = draft.note("date", when(matter, chance, 3), draft.title)
    for text in (between, matter.parties[0], both, matter.parties[1], "", day):
        sheet.line_of(text, (sheet.width / 2, y), draft.style.body.sized(1.2), "centre")
        y += draft.pitch * 2
    if chance.yes(0.3):
        sheet.frame((draft.left - 20, draft.top - 20, draft.right + 20, draft.bottom + 20), chance.real(0.5, 3))
    draft.size = draft.style.body.size * 1.2


def contents(draft: Draft) -> None:
    """A table of contents with dotted leaders."""
    running(draft)
    chance, body, sheet = draft.chance, draft.style.body, draft.sheet
    y, page = heading(draft, draft.top, draft.say("Table of Contents").upper()) + body.size, 1
    dot = chance.real(2.2, 5.0)
    for place in range(1, 60):
        if y > draft.bottom:
            return
        label = f"{number(draft, place)} {draft.fill(chance.of(draft.matter.tongue.headings))}"
        width = sheet.line_of(label[:50], (draft.left, y), body)
        last = sheet.line_of(str(page), (draft.right, y), body, "right")
        x = draft.left + width + 5
        while x < draft.right - last - 6:
            sheet.rule(x, x + 0.9, y - 0.4, 0.9)
            x += dot
        y += draft.pitch
        page += chance.whole(0, 3)
