"""Which of a page's sums is its total.

Gross before net: what a contract is worth is what it says before a commission is taken off, and what a receipt says
after tax. A total after rounding is what is paid. A total that leaves the tax out is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipeline.normalise import money
from pipeline.rules.pairs import Pair

__all__ = ["Total", "total_of", "worth"]

SURE = {
    "gross total": 0.9, "grand total": 0.9, "total due": 0.85, "total": 0.8, "balance due": 0.7, "amount due": 0.7,
    "net total": 0.6, "net amount due": 0.55, "gross amount": 0.55,
}  # fmt: skip
"""Confidence by what the label says, which is also the order in which one is taken for the total."""

MISREAD = 0.8
PARTS, DOUBTED = {"subtotal", "tax", "net amount", "net total", "net amount due", "commission"}, 0.5
"""What a total is never less than; where it is, one of them was misread, and this is left of the confidence."""

ROUNDED = Decimal("0.05")
"""The most that cash is rounded by."""


@dataclass(frozen=True)
class Total:
    """The pair whose value is the total."""

    pair: Pair
    confidence: float


def total_of(pairs: Sequence[Pair], *, rounded: bool) -> Total | None:
    """The page's total, or None; of several of one name the largest, since each part has a total of its own.

    `rounded` says that the page rounds a sum: the total after that is meant.
    """
    sums = [pair for pair in pairs if pair.label.kind == "money"]
    named = [(SURE[pair.label.name] * (1 if pair.spot.exact else MISREAD), _amount(pair), pair) for pair in sums
             if pair.label.name in SURE and _amount(pair) > 0]  # fmt: skip
    if not named:
        return None
    confidence, amount, best = max(named, key=lambda entry: entry[:2])
    if any(_amount(pair) > amount + ROUNDED for pair in sums if pair.label.name in PARTS):
        confidence *= DOUBTED
    for pair in sums if rounded else ():
        near = abs(_amount(pair) - amount) <= ROUNDED and pair.label.name in {*SURE, "rounding"}
        best = pair if near and pair.run.box.top > best.run.box.top else best
    return Total(best, confidence)


def worth(text: str, currency: str = "") -> str:
    """The sum's normal form; "6 00" lost its point."""
    return money(re.sub(r"(?<=\d)\s(?=\d\d$)", ".", text), currency)


def _amount(pair: Pair) -> Decimal:
    """The sum's value; negative for one in brackets."""
    value = worth(pair.text).rpartition(" ")[2]
    return Decimal(value or 0) * (-1 if pair.text.startswith("(") else 1)
