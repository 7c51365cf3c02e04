"""Pages with tables: schedules, invoices, orders, receipts, and plain tables among text."""

from __future__ import annotations

from dataclasses import dataclass

from infra.train.pages import english
from infra.train.pages.draft import Draft, paragraph, running
from infra.train.pages.matter import fill, money, sentences, when
from infra.train.pages.prose import heading

__all__ = ["Column", "grid", "invoice", "order", "receipt", "schedule"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, what fills it (thing, number, money, date, code, word), its share of the width."""

    head: str
    fill: str
    share: float


COLUMNS = (
    Column("Description", "thing", 3.2), Column("Item", "thing", 2.4), Column("Qty", "number", 0.8),
    Column("Unit Price", "money", 1.3), Column("Amount", "money", 1.4), Column("Date", "date", 1.4),
    Column("No.", "row", 0.5), Column("Code", "code", 1.0), Column("Rate", "percent", 0.9), Column("Total", "money", 1.4),
    Column("Start", "date", 1.3), Column("End", "date", 1.3), Column("Time", "hour", 1.0), Column("Length", "number", 0.8),
    Column("Status", "word", 1.2), Column("Region", "state", 1.5), Column("Name", "person", 2.0), Column("Units", "number", 0.9),
    Column("Mon", "number", 0.5), Column("Tue", "number", 0.5), Column("Wed", "number", 0.5), Column("Spots", "number", 0.7),
)  # fmt: skip


def _cell(column: Column, row: int, draft: Draft) -> str:
    chance, matter = draft.chance, draft.matter
    match column.fill:
        case "thing":
            return fill(chance.of(english.THINGS), matter, chance)
        case "number":
            return str(chance.whole(0, 10 ** chance.whole(1, 3)))
        case "money":
            return (
                money(matter, chance, 4.5).removeprefix(matter.currency)
                if chance.yes(0.6)
                else money(matter, chance, 4.5)
            )
        case "date":
            return matter.day.strftime("%m/%d/%y") if chance.yes(0.3) else when(matter, chance, 60)[:12]
        case "row":
            return str(row)
        case "code":
            return f"{chance.of('ABCDKMX')}{chance.whole(10, 9999)}"
        case "percent":
            return f"{chance.real(0, 40):.1f}%"
        case "word":
            return chance.of(matter.nouns)
    return fill("{" + column.fill + "}", matter, chance)


def _columns(draft: Draft, count: int) -> list[Column]:
    first = draft.chance.of(COLUMNS[:2])
    return [first, *draft.chance.some([column for column in COLUMNS[2:]], count - 1)]


def grid(draft: Draft, y: float, count: int, rows: int, size: float = 0.9) -> float:
    """Draw a table of so many columns and rows from a height on; return its foot. Ruled fully, across, or not at all."""
    chance, sheet = draft.chance, draft.sheet
    kind = draft.style.body.sized(size * (0.85 if count > 6 else 1.0))
    columns = _columns(draft, count)
    total = sum(column.share for column in columns)
    edges = [draft.left]
    for column in columns:
        edges.append(edges[-1] + draft.width * column.share / total)
    ruled, pitch = (
        chance.weighed({"full": 4, "across": 2, "head": 2, "none": 2}),
        kind.size * chance.of((1.15, 1.35, 1.6, 2.0)),
    )
    width, top, drawn = chance.of((0.4, 0.7, 1.2)), y, 0
    if chance.yes(0.3):
        sheet.bar((draft.left, y, draft.right, y + pitch), chance.whole(190, 235))
    for row in range(rows + 1):
        if y + pitch > draft.bottom:
            break
        for column, x0, x1 in zip(columns, edges, edges[1:], strict=False):
            text = column.head if row == 0 else _cell(column, row, draft)
            _put(
                draft,
                text,
                (x0 + 3, x1 - 3, y + pitch * 0.5 + kind.size * 0.36),
                (kind.heavy if row == 0 else kind, column.fill),
            )
        y += pitch
        if ruled in {"full", "across"} or (ruled == "head" and row == 0):
            sheet.rule(draft.left, draft.right, y, width)
        drawn += 1
    if ruled == "full":
        sheet.rule(draft.left, draft.right, top, width)
        for x in edges:
            sheet.post(x, top, y, width)
    draft.table = "dense" if (count >= 6 and drawn >= 8) or drawn >= 22 or count * drawn >= 80 else "simple"
    return y + pitch


def _put(draft: Draft, text: str, place: tuple[float, float, float], kind: tuple) -> None:
    x0, x1, y = place
    words = text.split()
    while words and draft.sheet.width_of(" ".join(words), kind[0]) > x1 - x0:
        words.pop()
    if not words:
        return
    right = kind[1] in {"money", "number", "percent"}
    draft.sheet.line_of(" ".join(words), (x1 if right else x0, y), kind[0], "right" if right else "left")


def schedule(draft: Draft) -> None:
    """A schedule or exhibit: heading, a sentence, a table, perhaps more text."""
    running(draft)
    chance = draft.chance
    y = heading(draft, draft.top, draft.title)
    if chance.yes(0.6):
        told = sentences(english.CLAUSES, chance.whole(1, 2), draft.matter, chance)
        y = paragraph(draft, told.split(), draft.style.body, (draft.left, y, draft.right, draft.bottom)) + 10
    dense = chance.yes(0.5)
    y = grid(
        draft,
        y,
        chance.whole(5, 9) if dense else chance.whole(2, 4),
        chance.whole(12, 45) if dense else chance.whole(3, 10),
    )
    told = sentences(english.CLAUSES, chance.whole(0, 4), draft.matter, chance)
    paragraph(draft, told.split(), draft.style.body, (draft.left, y, draft.right, draft.bottom))


def _heads(draft: Draft, y: float, pairs: list[tuple[str, str]], across: int) -> float:
    """Labelled values in columns."""
    body, sheet, wide = draft.style.body, draft.sheet, draft.width / across
    for place, (label, value) in enumerate(pairs):
        x, base = draft.left + wide * (place % across), y + body.size + draft.pitch * (place // across)
        used = sheet.line_of(label, (x, base), body.heavy)
        sheet.line_of(value[:34], (x + used + 6, base), body)
    return y + draft.pitch * (-(-len(pairs) // across)) + 8


def invoice(draft: Draft) -> None:
    """An invoice: seller, buyer, number and date, lines, totals."""
    chance, matter = draft.chance, draft.matter
    y = heading(draft, draft.top, matter.parties[0], 1.5, chance.of(("left", "centre", "right")))
    y = heading(draft, y, draft.title, 1.8, chance.of(("left", "right", "centre")))
    total = draft.note("amount", money(matter, chance, 5), "total")
    pairs = [
        ("Invoice No.", draft.note("number", matter.number, draft.title)), ("Date:", draft.note("date", when(matter, chance, 60), draft.title)),
        ("Bill to:", draft.note("party", matter.parties[1], "customer")), ("Terms:", f"Net {chance.of((10, 15, 30, 60))}"),
        ("Address:", matter.streets[1]), ("Due:", when(matter, chance, 90)), ("City:", matter.cities[1]), ("Contact:", chance.of(matter.people)),
    ]  # fmt: skip
    y = _heads(draft, y, pairs[: chance.whole(4, 8)], chance.of((1, 2, 2)))
    y = grid(draft, y, chance.whole(3, 6), chance.whole(2, 18))
    for label, value in (
        ("Subtotal", money(matter, chance, 5)),
        ("Tax", money(matter, chance, 3.5)),
        ("TOTAL DUE", total),
    ):
        if y < draft.bottom:
            draft.sheet.line_of(label, (draft.right - 130, y), draft.style.body.heavy)
            draft.sheet.line_of(value, (draft.right - 3, y), draft.style.body, "right")
        y += draft.pitch * 1.2
    if y < draft.bottom - 40 and chance.yes(0.5):
        paragraph(
            draft,
            f"Please pay within {chance.whole(7, 60)} days to account {chance.whole(10**8, 10**9)}. Thank you for your business.".split(),
            draft.style.body,
            (draft.left, y, draft.right, draft.bottom),
        )


def order(draft: Draft) -> None:
    """An order for advertising or goods: blocks of labelled values, then a grid of lines."""
    chance, matter = draft.chance, draft.matter
    y = heading(draft, draft.top, draft.title, chance.of((1.2, 1.6)), chance.of(("left", "centre")))
    pairs = [
        ("Order #", draft.note("number", matter.number, draft.title)), ("Advertiser", draft.note("party", matter.parties[0], "advertiser")),
        ("Agency", matter.parties[1]), ("Product", chance.of(matter.nouns).title()), ("Flight Start", when(matter, chance, 10)),
        ("Flight End", when(matter, chance, 60)), ("Salesperson", chance.of(matter.people)), ("Buyer", chance.of(matter.people)),
        ("Billing Cycle", chance.of(("Monthly", "EOM/EOC", "Weekly"))), ("Estimate", str(chance.whole(10, 9999))),
        ("Order Date", draft.note("date", when(matter, chance, 5), draft.title)), ("Office", chance.of(matter.cities)),
        ("Gross Total", draft.note("amount", money(matter, chance, 5), "gross total")), ("Rev #", str(chance.whole(0, 9))),
    ]  # fmt: skip
    y = _heads(draft, y, pairs[: chance.whole(6, 14)], chance.of((2, 2, 3)))
    draft.sheet.rule(draft.left, draft.right, y - 4, 1)
    y = grid(draft, y, chance.whole(5, 10), chance.whole(5, 34), 0.8)
    told = sentences(english.CLAUSES, chance.whole(0, 3), matter, chance)
    paragraph(draft, told.split(), draft.style.body.sized(0.8), (draft.left, y, draft.right, draft.bottom))


def receipt(draft: Draft) -> None:
    """A till receipt, narrow and monospaced."""
    chance, matter, body, sheet = draft.chance, draft.matter, draft.style.body, draft.sheet
    y = heading(draft, draft.top, draft.note("party", matter.parties[0], "shop").upper(), 1.2)
    for text in (
        matter.streets[0],
        matter.cities[0],
        f"TEL {chance.whole(100, 999)}-{chance.whole(1000, 9999)}",
        f"{draft.note('date', when(matter, chance), 'receipt')} {chance.whole(8, 21)}:{chance.whole(10, 59)}",
    ):
        sheet.line_of(text, (sheet.width / 2, y), body, "centre")
        y += draft.pitch
    for _ in range(chance.whole(2, 14)):
        if y > draft.bottom - 4 * draft.pitch:
            break
        _put(
            draft,
            fill(chance.of(english.THINGS), matter, chance).upper(),
            (draft.left, draft.right - 60, y + draft.pitch),
            (body, "thing"),
        )
        sheet.line_of(f"{10 ** chance.real(0, 2.3):.2f}", (draft.right, y + draft.pitch), body, "right")
        y += draft.pitch
    sheet.rule(draft.left, draft.right, y + draft.pitch * 0.5)
    for label in ("SUBTOTAL", "TAX", "TOTAL"):
        y += draft.pitch
        value = f"{10 ** chance.real(0.5, 2.8):.2f}"
        sheet.line_of(label, (draft.left, y + draft.pitch * 0.6), body)
        sheet.line_of(
            draft.note("amount", value, "total") if label == "TOTAL" else value,
            (draft.right, y + draft.pitch * 0.6),
            body,
            "right",
        )
    sheet.line_of(
        chance.of(("THANK YOU", "PLEASE COME AGAIN", "NO REFUNDS")),
        (sheet.width / 2, y + draft.pitch * 2.5),
        body,
        "centre",
    )
    draft.table = "simple"
