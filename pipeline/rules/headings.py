"""The title of a form: a cell near the head of the page that is the name of a kind of document and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.rules.geometry import Cell, Grid
from pipeline.rules.identity import kind_of
from pipeline.rules.lexicon import tokens
from pipeline.rules.pairs import Pair
from schemas.kinds import KIND_NAMES, UNKNOWN

__all__ = ["title_of"]

HEAD = 0.5
"""Fraction of the page in which one word alone is its title; "CONFIRMATION CONTRACT" may stand at its foot."""

FIRST = frozenset({
    "amended", "billing", "broadcast", "cash", "commercial", "confirmation", "duplicate", "official", "original",
    "revised", "sales", "simplified", "tax",
})  # fmt: skip
"""What titles have before the kind: "OFFICIAL BILLING INVOICE"."""

NAMES = frozenset(name for kind, names in KIND_NAMES.items() if kind not in {"letter", "schedule"} for name in names)


def title_of(grid: Grid, pairs: Sequence[Pair]) -> Cell | None:
    """The form's title, the one in the largest letters; None where no cell is one."""
    labels = {pair.label_places[0] for pair in pairs}
    found = [cell for cell in grid.cells if cell.words[0] not in labels and _is_title(cell)]
    return max(found, key=lambda cell: (round(cell.height, 3), -cell.box.top), default=None)


def _is_title(cell: Cell) -> bool:
    """Whether the cell is a kind's name, capitalised, with at most words before it that titles have."""
    words = [token for text in cell.texts for token in tokens(text)]
    while words and words[0] in FIRST:
        words.pop(0)
    if len(words) == 0 or (len(cell.texts) == 1 and cell.box.bottom > HEAD):
        return False
    printed = cell.text
    loud = printed.isupper() or all(text[:1].isupper() for text in cell.texts if text[:1].isalpha())
    return loud and not printed.endswith(":") and " ".join(words) in NAMES and kind_of(printed) != UNKNOWN
