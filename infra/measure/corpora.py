"""Where the corpora lie, and which half of each a document belongs to."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["CORPORA", "Half", "names"]

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"
Half = Literal["tuning", "reporting"]


def names(corpus: str, half: Half) -> tuple[str, ...]:
    """The file names of one half of a corpus, sorted. Raises `KeyError` for a corpus that was never split.

    A document's half follows from the SHA-256 of its name (even: tuning), and was fixed before anything was tuned.
    """
    return tuple(_halves()[corpus][half])


@cache
def _halves() -> dict[str, dict[str, list[str]]]:
    halves: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("halves.json").read_text("utf-8"))
    return halves
