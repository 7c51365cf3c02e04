"""What is sold, when and at what price: invoices, orders, line printers' lists, till receipts."""

from __future__ import annotations

from infra.train.pages import fonts
from infra.train.pages.draft import Draft
from infra.train.pages.extras import logo
from infra.train.pages.grids import DENSE, NARROW, WIDE, cell, grid, put
from infra.train.pages.matter import money, when
from infra.train.pages.prose import heading
from infra.train.pages.sheet import Type
from infra.train.pages.tongues import ENGLISH

__all__ = ["invoice", "order", "priced", "receipt"]


def _heads(draft: Draft, y: float, pairs: list[tuple[str, str]], across: int) -> float:
    """Labelled values in columns; return their foot."""
    body, sheet, wide = draft.style.body, draft.sheet, draft.width / across
    for place, (label, value) in enumerate(pairs):
        x, base = draft.left + wide * (place % across), y + body.size + draft.pitch * (place // across)
        used = sheet.line_of(label, (x, base), body.heavy)
        put(draft, value, (x + used + 6, base - body.size * 0.86, x + wide - 4, body.size), body, "left")
    return y + draft.pitch * (-(-len(pairs) // across)) + 8


def invoice(draft: Draft) -> None:
    """An invoice: seller, buyer, number and date, lines, totals."""
    chance, matter, say = draft.chance, draft.matter, draft.say
    if chance.yes(0.4):
        logo(draft, (draft.right - 60, draft.top - 30, draft.right - 20, draft.top + 10))
    y = heading(draft, draft.top, matter.parties[0], 1.4, chance.of(("left", "centre", "right")))
    y = heading(draft, y, draft.title, 1.7, chance.of(("left", "right", "centre")))
    total = draft.note("amount", money(matter, chance, 5), "total")
    pairs = [
        (say("Invoice No."), draft.note("number", matter.number, draft.title)),
        (say("Date"), draft.note("date", when(matter, chance, 60), draft.title)),
        (say("Bill to"), draft.note("party", matter.parties[1], "customer")), (say("Due"), when(matter, chance, 90)),
        (say("Address"), matter.streets[1]), (say("City"), matter.cities[1]),
        (say("Contact"), chance.of(matter.people)), (say("Telephone"), str(chance.whole(10**6, 10**9))),
    ]  # fmt: skip
    y = _heads(draft, y, pairs[: chance.whole(4, 8)], chance.of((1, 2, 2)))
    y = grid(draft, y, chance.whole(3, 8), chance.weighed({chance.whole(2, 8): 1, chance.whole(9, 34): 1.2}))
    for label, value in (
        (say("Subtotal"), money(matter, chance, 5)),
        (say("Tax"), money(matter, chance, 3.5)),
        (say("Total"), total),
    ):
        if y < draft.bottom:
            draft.sheet.line_of(label, (draft.right - 130, y), draft.style.body.heavy)
            draft.sheet.line_of(value, (draft.right - 3, y), draft.style.body, "right")
        y += draft.pitch * 1.2
    if y < draft.bottom - 40 and chance.yes(0.5):
        draft.set(draft.tell(matter.tongue.letters, 1), y)


def order(draft: Draft) -> None:
    """An order for advertising or goods: blocks of labelled values, then a grid of lines."""
    chance, matter, say = draft.chance, draft.matter, draft.say
    y = heading(draft, draft.top, draft.title, chance.of((1.2, 1.6)), chance.of(("left", "centre")))
    pairs = [
        (say("Order No."), draft.note("number", matter.number, draft.title)),
        (say("Company"), draft.note("party", matter.parties[0], "advertiser")), (say("To"), matter.parties[1]),
        (say("Subject"), chance.of(matter.nouns).title()), (say("Start"), when(matter, chance, 10)),
        (say("End"), when(matter, chance, 60)), (say("Contact"), chance.of(matter.people)),
        (say("Date"), draft.note("date", when(matter, chance, 5), draft.title)),
        (say("City"), chance.of(matter.cities)),
        (say("Total"), draft.note("amount", money(matter, chance, 5), "gross total")),
    ]  # fmt: skip
    if matter.tongue is ENGLISH:
        pairs += [
            ("Agency", matter.parties[1]), ("Billing Cycle", chance.of(("Monthly", "EOM/EOC", "Weekly"))),
            ("Estimate", str(chance.whole(10, 9999))), ("Rev #", str(chance.whole(0, 9))), ("Demo", "A25-54"),
            ("Salesperson", chance.of(matter.people)), ("Market", chance.of(matter.cities)),
        ]  # fmt: skip
    y = _heads(draft, y, pairs[: chance.whole(6, len(pairs))], chance.of((2, 2, 3)))
    draft.sheet.rule(draft.left, draft.right, y - 4, 1)
    y = grid(draft, y, chance.whole(4, 10), chance.weighed({chance.whole(2, 6): 1, chance.whole(7, 40): 2.5}), 0.8)
    if y < draft.bottom and chance.yes(0.6):
        draft.set(draft.tell(matter.tongue.clauses, chance.whole(1, 3)), y, draft.style.body.sized(0.8))


def priced(draft: Draft) -> None:
    """An order or bill as line printers set it: monospaced columns, dashes for rules, no lines."""
    chance, sheet, body = draft.chance, draft.sheet, draft.style.body
    if draft.matter.tongue is ENGLISH:
        body = Type(chance.of(fonts.faces("mono")), chance.of((7.0, 8.0, 9.0, 10.0)), level=body.level)
    y, pitch = draft.top, body.size * 1.12
    dash = "-" * int(draft.width / max(sheet.measure("-", body), 1))
    seller = draft.note("party", draft.matter.parties[0], draft.title)
    tops = [seller.upper(), draft.title, f"NO: {draft.matter.number}", dash]
    starts = sorted(chance.real(0, 0.8) for _ in range(chance.whole(3, 6)))
    fills = [chance.of((*NARROW, *WIDE[:2])) for _ in starts]
    rows = chance.whole(4, 44)
    for text in tops:
        sheet.line_of(text, (draft.left, y), body)
        y += pitch
    drawn = 0
    while drawn < rows and y < draft.bottom - 3 * pitch:
        for start, end, column in zip(starts, [*starts[1:], 1.0], fills, strict=True):
            text = draft.say(column.head) if drawn == 0 else cell(column, drawn, draft)
            left = draft.left + start * draft.width
            box = (left, y - body.size * 0.86, draft.left + end * draft.width - 4, body.size)
            put(draft, text.upper(), box, body, "left", 1)
        y += pitch
        drawn += 1
        if chance.yes(0.1):
            y += pitch
    for text in (dash, f"TOTAL {draft.note('amount', money(draft.matter, chance, 5), 'total')}"):
        sheet.line_of(text, (draft.left, y), body)
        y += pitch
    draft.table = "dense" if drawn * len(starts) > DENSE else "simple"


def receipt(draft: Draft) -> None:
    """A till receipt."""
    chance, matter, body, sheet = draft.chance, draft.matter, draft.style.body, draft.sheet
    y = heading(draft, draft.top, draft.note("party", matter.parties[0], "shop").upper(), 1.2)
    clock = f"{draft.note('date', when(matter, chance), 'receipt')} {chance.whole(8, 21)}:{chance.whole(10, 59)}"
    for text in (
        matter.streets[0],
        matter.cities[0],
        f"TEL {chance.whole(100, 999)}-{chance.whole(1000, 9999)}",
        clock,
    ):
        sheet.line_of(text, (sheet.width / 2, y), body, "centre")
        y += draft.pitch
    for _ in range(chance.whole(2, 16)):
        if y > draft.bottom - 4 * draft.pitch:
            break
        text = draft.fill("{thing}").upper()
        box = (draft.left, y + draft.pitch - body.size, draft.right - 70, body.size)
        lines = put(draft, text, box, body, "left")
        if chance.yes(0.6):
            sheet.line_of(str(chance.whole(1, 9)), (draft.right - 55, y + draft.pitch), body)
        sheet.line_of(f"{10 ** chance.real(0, 2.3):.2f}", (draft.right, y + draft.pitch), body, "right")
        y += draft.pitch * chance.of((1, 1, 2)) + (lines - 1) * body.size * 1.15
    sheet.rule(draft.left, draft.right, y + draft.pitch * 0.5)
    for label in ("Subtotal", "Tax", "Total"):
        y += draft.pitch
        value = f"{10 ** chance.real(0.5, 2.8):.2f}"
        sheet.line_of(draft.say(label).upper(), (draft.left, y + draft.pitch * 0.6), body)
        value = draft.note("amount", value, "total") if label == "Total" else value
        sheet.line_of(value, (draft.right, y + draft.pitch * 0.6), body, "right")
    last = chance.of(("THANK YOU", "PLEASE COME AGAIN", "NO REFUNDS"))
    if matter.tongue is ENGLISH:
        sheet.line_of(last, (sheet.width / 2, y + draft.pitch * 2.5), body, "centre")
    draft.table = "simple"
