"""Receipts: the merchant at the head of the page and a date without a label.

A till prints its owner's name first, often with the form of company, then the address, the numbers and the goods.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.rules.geometry import Cell, Grid
from pipeline.rules.identity import kind_of
from pipeline.rules.lexicon import tokens
from pipeline.rules.pairs import Pair
from pipeline.rules.printed import dates_in, own_name
from schemas.kinds import UNKNOWN

__all__ = ["Unlabelled", "merchant_of", "only_date"]

HEAD = 7
"""Rows from the top in which the merchant is named."""

CUES = (
    r"\btotal", r"\bcash\b|\bvisa\b|\bmaster\s?card\b", r"\bchange\b", r"\breceipt\b", r"\bround",
    r"\btax invoice|\bcash (?:bill|inv)", r"\bgst\b|\bvat\b|\bsst\b", r"\bcashier\b|\bserver\b|\boperator\b",
    r"\bqty\b|\bquantity\b|\bitems?\b", r"\bsub-?\s?total", r"\btel\b|\bfax\b",
    r"\bthank|\breturn|\brefund|\bgoods\b|\bcopy\b",
)  # fmt: skip
LEAST_CUES = 4
"""What tills print, and how many of these make a short page a receipt."""

NARROW = 350
"""Words: a page with more is no receipt."""

COMPANY = re.compile(
    r"\b(?:s[dio]n\.?\s?b[hn]d|s/b|plt|ltd|limited|inc|llc|llp|corp(?:oration)?|gmbh|pte|pty|plc|company|co\.)(?![\w])",
    re.I,
)
SHOP = re.compile(
    r"\b(?:enterprise|trading|stores?|mart|market|hypermarket|supermarket|restaurant|restoran|cafe|pharmacy|hardware"
    r"|bakery|hotel|holdings|kedai|books?|stationery|centre|center)\b",
    re.I,
)
"""What shops call themselves that name no form of company."""

NOT_NAME = re.compile(
    r"\b(?:tax|invoice|receipt|bill|welcome|thank|tel|fax|phone|gst|reg|no|lot|jalan|jln|street|st|road|rd|avenue|ave"
    r"|suite|floor|page|date|time|table|cashier|copy|original|duplicate|www|email)\b|[@#:]|\d{4}",
    re.I,
)
NUMBERED = re.compile(r"\b(?:receipt|invoice|bill|(?:reg|no)\b\.?\s?(?:no)?\.?\s?:?)\W*(?:\w*\d|$)|:\s*$", re.I)
"""A title, or the label of a number, for all its "company"."""

REGISTERED = re.compile(
    r"[\s.,]{0,3}[(\[{]?\s?(?:co\.?\s?(?:reg)?\.?\s?(?:no)?\.?\s?:?\s?)?[\d-]{4,15}[-\s]{0,2}[A-Z]?\s?[)\]}]?\W{0,3}$",
    re.I,
)
"""A company's registration number behind its name."""


@dataclass(frozen=True)
class Unlabelled:
    """A value that stands by itself: its words' places, its text, and how sure its place alone makes it."""

    places: tuple[int, ...]
    text: str
    confidence: float
    label_places: tuple[int, ...] = ()

    @property
    def plain(self) -> str:
        """The text without blanks where it is of digits only."""
        return self.text.replace(" ", "") if not any(map(str.isalpha, self.text)) else self.text


def merchant_of(grid: Grid, pairs: Sequence[Pair]) -> Unlabelled | None:
    """Who issued the receipt; None where the page isn't one."""
    if not _is_receipt(grid, pairs):
        return None
    rows = [named for row in grid.rows[:HEAD] if (named := [cell for cell in row if not _is_title(cell)])]
    for pattern, confidence in ((COMPANY, 0.75), (SHOP, 0.65)):
        if found := next((row for row in rows if pattern.search(_text(row))), None):
            return _name(found, confidence)
    return next((_name(row, 0.5) for row in rows[:3] if _like_name(row)), None)


def _is_title(cell: Cell) -> bool:
    """Whether the cell names the paper or bears a number of it."""
    return NUMBERED.search(cell.text) is not None or kind_of(cell.text) != UNKNOWN


def _is_receipt(grid: Grid, pairs: Sequence[Pair]) -> bool:
    """A short page with a sum on it that says what tills say."""
    if sum(len(cell.words) for cell in grid.cells) > NARROW or not any(pair.label.kind == "money" for pair in pairs):
        return False
    said = "\n".join(cell.text for cell in grid.cells).lower()
    return sum(re.search(cue, said) is not None for cue in CUES) >= LEAST_CUES


def _text(row: Sequence[Cell]) -> str:
    return " ".join(cell.text for cell in row)


def _like_name(row: Sequence[Cell]) -> bool:
    """Mostly capital letters, in words, well read."""
    text = _text(row)
    letters = sum(map(str.isalpha, text))
    well_read = all(cell.confidence >= 0.5 for cell in row)
    wordy = letters >= 5 and letters >= 0.75 * len(text.replace(" ", ""))
    return well_read and wordy and not NOT_NAME.search(text)


def _name(row: Sequence[Cell], confidence: float) -> Unlabelled:
    """The row without what follows the name, and without specks before it."""
    words = [(place, text) for cell in row for place, text in zip(cell.words, cell.texts, strict=True)]
    while len(words) > 1 and not tokens(words[0][1]):
        words.pop(0)
    joined = " ".join(text for _, text in words)
    text = own_name(REGISTERED.sub("", joined).rstrip(" ,-") or joined)
    kept = text.count(" ") + 1
    return Unlabelled(tuple(place for place, _ in words[:kept]), text, confidence)


def only_date(grid: Grid) -> Unlabelled | None:
    """The page's date: surer where it has no other."""
    found = [(cell, match) for cell in grid.cells for match in dates_in(cell.text)]
    if not found:
        return None
    cell, match = found[0]
    alone = len({other[0].replace(" ", "") for _, other in found}) == 1
    first = cell.text[: match.start()].count(" ")
    last = first + match[0].count(" ") + 1
    return Unlabelled(cell.words[first:last], match[0], 0.7 if alone else 0.4)
