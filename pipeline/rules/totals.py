"""Which of a page's sums is its total.

Gross before net: what a contract is worth is what it says before a commission is taken off, and what a receipt says
after tax. A total after rounding is what is paid. A total that leaves the tax out is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from pipeline.normalise import money
from pipeline.rules.pairs import Pair

__all__ = ["Total", "total_of"]

SURE = {
    "gross total": 0.9, "grand total": 0.9, "total due": 0.85, "total": 0.8, "balance due": 0.7, "amount due": 0.7,
    "net total": 0.6, "net amount due": 0.55, "gross amount": 0.55,
}  # fmt: skip
"""Confidence by what the label says, which is also the order in which one is taken for the total."""

MISREAD = 0.8
ROUNDED = Decimal("0.05")
"""The most that cash is rounded by."""


@dataclass(frozen=True)
class Total:
    """The pair whose value is the total."""

    pair: Pair
    confidence: float


def total_of(pairs: Sequence[Pair]) -> Total | None:
    """The page's total, or None; of several of one name the largest, since each part has a total of its own."""
    sums = [(SURE[pair.label.name] * (1 if pair.spot.exact else MISREAD), _amount(pair), pair) for pair in pairs
            if pair.label.kind == "money" and pair.label.name in SURE]  # fmt: skip
    named = [entry for entry in sums if entry[1] > 0]
    if not named:
        return None
    confidence, amount, best = max(named, key=lambda entry: entry[:2])
    rounding = [pair for pair in pairs if pair.label.name == "rounding"]
    for _, other, pair in named if rounding else ():
        if abs(other - amount) <= ROUNDED and pair.run.box.top > best.run.box.top:
            best = pair
    return Total(best, confidence)


def _amount(pair: Pair) -> Decimal:
    """The sum's value; negative for one in brackets."""
    value = money(pair.text).rpartition(" ")[2]
    return Decimal(value or 0) * (-1 if pair.text.startswith("(") else 1)
