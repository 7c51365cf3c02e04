"""Tables of rows and columns, and pages that hang on another document or report figures: schedules, accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from infra.train.pages.chance import Chance
from infra.train.pages.draft import Draft, running
from infra.train.pages.extras import chart
from infra.train.pages.matter import money, when
from infra.train.pages.prose import flow, heading
from infra.train.pages.sheet import Type, pieces
from infra.train.pages.tongues import ENGLISH

__all__ = ["DENSE", "NARROW", "WIDE", "Column", "accounts", "cell", "grid", "put", "schedule"]

HANGS = ("to {noun} agreement dated {date} between {a} and {b}", "to the {noun} agreement", "{adj} {noun}")
DENSE = 50  # filled cells over which people call a table dense


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its head, what fills it, its share of the width."""

    head: str
    fill: str
    share: float


WIDE = (Column("Description", "thing", 3.2), Column("Name", "thing", 2.4), Column("Remarks", "clause", 4.5))
NARROW = (
    Column("Quantity", "number", 0.9), Column("Unit Price", "money", 1.3), Column("Amount", "money", 1.4),
    Column("Date", "date", 1.4), Column("Number", "row", 0.7), Column("Code", "code", 1.0),
    Column("Rate", "percent", 0.9), Column("Total", "money", 1.4), Column("Start", "date", 1.3),
    Column("End", "date", 1.3), Column("Status", "noun", 1.2), Column("Region", "state", 1.5),
    Column("Contact", "person", 2.0), Column("Tax", "percent", 0.8),
)  # fmt: skip
ENGLISH_ONLY = (
    Column("Time", "hour", 1.0), Column("Len", "number", 0.6), Column("M", "number", 0.45),
    Column("Tu", "number", 0.45), Column("W", "number", 0.45), Column("Th", "number", 0.45),
    Column("F", "number", 0.45), Column("Spots", "number", 0.7), Column("Units", "number", 0.9),
    Column("Wk 1", "number", 0.6), Column("Wk 2", "number", 0.6), Column("Gross", "money", 1.3),
)  # fmt: skip

CELLS: Mapping[str, Callable[[Chance, int], str]] = {
    "number": lambda chance, _: str(chance.whole(0, 10 ** chance.whole(1, 3))),
    "row": lambda _, row: str(row),
    "code": lambda chance, _: f"{chance.of('ABCDKMX')}{chance.whole(10, 9999)}",
    "percent": lambda chance, _: f"{chance.real(0, 40):.1f}%",
}


def cell(column: Column, row: int, draft: Draft) -> str:
    """What stands in a column at this row."""
    chance, matter = draft.chance, draft.matter
    if column.fill in CELLS:
        return CELLS[column.fill](chance, row)
    if column.fill == "money":
        value = money(matter, chance, 4.5)
        return value.removeprefix(matter.currency) if chance.yes(0.6) else value
    if column.fill == "date":
        return matter.day.strftime("%m/%d/%y") if chance.yes(0.3) else when(matter, chance, 60)
    return draft.tell(matter.tongue.clauses, 1) if column.fill == "clause" else draft.fill("{" + column.fill + "}")


def _choose(draft: Draft, count: int) -> list[Column]:
    chance = draft.chance
    narrow = NARROW + ENGLISH_ONLY if draft.matter.tongue is ENGLISH else NARROW
    first = chance.weighed({WIDE[0]: 3, WIDE[1]: 2, WIDE[2]: 1 if count < 5 else 0})
    columns = chance.some(narrow, count - 1)
    columns.insert(chance.of((0, 0, min(1, len(columns)))), first)
    return columns


def grid(draft: Draft, y: float, count: int, rows: int, size: float = 0.9) -> float:
    """Draw a table from a height on and note how dense it is; return its foot. Ruled fully, across, or not at all."""
    chance, sheet = draft.chance, draft.sheet
    kind = draft.style.body.sized(size * (0.85 if count > 6 else 1.0))
    columns = _choose(draft, count)
    scale, edges = draft.width / sum(column.share for column in columns), [draft.left]
    for column in columns:
        edges.append(edges[-1] + column.share * scale)
    ruled = chance.weighed({"full": 4, "across": 2, "head": 2, "none": 3})
    pitch, width, top, filled = kind.size * chance.of((1.15, 1.35, 1.6, 2.2)), chance.of((0.4, 0.7, 1.2)), y, 0
    if chance.yes(0.3):
        sheet.bar((draft.left, y, draft.right, y + pitch), chance.whole(170, 235))
    for row in range(rows + 1):
        if y + pitch > draft.bottom:
            break
        lines = 1
        for column, x0, x1 in zip(columns, edges, edges[1:], strict=False):
            text = draft.say(column.head) if row == 0 else cell(column, row, draft) if chance.yes(0.97) else ""
            box, aligned = (
                (x0 + 3, y, x1 - 3, pitch),
                "right" if column.fill in {"money", "number", "percent"} else "left",
            )
            lines = max(lines, put(draft, text, box, kind.heavy if row == 0 else kind, aligned))
            filled += bool(text)
        y += pitch + (lines - 1) * kind.size * 1.15
        if ruled in {"full", "across"} or (ruled == "head" and row == 0):
            sheet.rule(draft.left, draft.right, y, width)
    if ruled == "full":
        sheet.rule(draft.left, draft.right, top, width)
        for x in edges:
            sheet.post(x, top, y, width)
    draft.table = "dense" if filled > DENSE else "simple"
    return y + pitch


def put(draft: Draft, text: str, box: tuple[float, float, float, float], kind: Type, align: str, most: int = 3) -> int:
    """Set a cell's words, in lines up to the `most` where they are many; return how many."""
    x0, y, x1, pitch = box
    base, lines, line = y + pitch * 0.5 + kind.size * 0.36, 1, ""
    joint = "" if kind.face.role == "chinese" else " "
    x = x1 if align == "right" else x0
    for word in pieces(text, kind):
        longer = f"{line}{joint}{word}" if line else word
        if draft.sheet.width_of(longer, kind) <= x1 - x0:
            line = longer
        elif not line or lines == most or base + kind.size * 1.15 > draft.bottom:
            break
        else:
            draft.sheet.line_of(line, (x, base), kind, align)
            base, lines, line = (
                base + kind.size * 1.15,
                lines + 1,
                word if draft.sheet.width_of(word, kind) <= x1 - x0 else "",
            )
    draft.sheet.line_of(line, (x, base), kind, align)
    return lines


def schedule(draft: Draft) -> None:
    """A schedule or exhibit: heading, and a table, a list or clauses."""
    running(draft)
    chance = draft.chance
    y = heading(draft, draft.top, draft.title)
    tongue = draft.matter.tongue
    if tongue is ENGLISH and chance.yes(0.5):
        y = draft.set(draft.fill(chance.of(HANGS)).upper(), y, align="centre") + 6
    if chance.yes(0.4):
        y = draft.set(draft.tell(tongue.exhibits or tongue.clauses, chance.whole(1, 2)), y) + 10
    shape = chance.weighed({"dense": 3, "simple": 3, "list": 2, "clauses": 2})
    if shape == "dense":
        y = grid(draft, y, chance.whole(4, 9), chance.whole(12, 45))
    elif shape == "simple":
        y = grid(draft, y, chance.whole(2, 5), chance.whole(2, 10))
    elif shape == "list":
        for place in range(1, chance.whole(6, 40)):
            y = draft.set(f"{place}. {draft.fill('{thing}')}", y, align="left")
    else:
        flow(draft, (draft.left, y, draft.right, draft.bottom), 1)
        return
    if chance.yes(0.6) and y < draft.bottom:
        draft.set(draft.tell(draft.matter.tongue.clauses, chance.whole(1, 5)), y)


def accounts(draft: Draft) -> None:
    """A report's page of figures: a wide table, a chart, a remark."""
    running(draft)
    chance = draft.chance
    y = heading(draft, draft.top, draft.title)
    y = draft.set(draft.tell(draft.matter.tongue.reports, chance.whole(1, 3)), y) + 8
    if chance.yes(0.4):
        chart(draft, (draft.left + 20, y, draft.right - 20, y + 110))
        y += 130
    y = grid(draft, y, chance.whole(4, 9), chance.whole(6, 34))
    draft.set(draft.tell(draft.matter.tongue.reports, chance.whole(0, 3)), y)
