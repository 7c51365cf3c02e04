"""Whether a text layer says what the page shows, judged by its letters and by a few lines of OCR."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from pipeline.types import Word

__all__ = ["agreement", "legible", "spot_lines"]

NO_LETTERS = ("Co", "Cn", "Cc", "Cs")
FEWEST = 5
SPOT_LINES = 3
SPOT_WORDS = (3, 20)  # a line to check has this many words: enough to tell, few enough to be quick
SAME = 80.0  # rapidfuzz ratio: one wrong letter in five
FIGURES, HONEST = 3, 0.5  # from so many words with figures on, fewer than half of them seen is a lie about figures


def legible(word: str) -> str:
    """The word without characters that stand for nothing (private use, unassigned, replaced); "" when
    those were most of it."""
    kept = "".join(char for char in word if char != "\ufffd" and unicodedata.category(char) not in NO_LETTERS)
    return kept if len(kept) * 2 >= len(word) else ""


def spot_lines(words: Sequence[Word]) -> list[list[Word]]:
    """A few lines spread over the page, those with figures first: figures are what a forger changes."""
    lines: dict[int, list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    fewest, most = SPOT_WORDS
    usable = [line for line in lines.values() if fewest <= len(line) <= most]
    if len(usable) <= SPOT_LINES:
        return usable
    figures = [line for line in usable if any(any(map(str.isdigit, word.text)) for word in line)]
    chosen = figures[:: max(1, len(figures) // SPOT_LINES)][:SPOT_LINES]
    plain = [line for line in usable if line not in chosen]
    missing = SPOT_LINES - len(chosen)
    return chosen + (plain[:: max(1, len(plain) // missing)][:missing] if missing else [])


def agreement(layer: Sequence[str], seen: Sequence[str]) -> float | None:
    """The share of the layer's words that OCR saw too, each of OCR's words counting once.

    Only words of plain Latin letters and digits are compared, since OCR of another language misreads
    all others; None when there are fewer than `FEWEST` of them. A font can be true to every letter and lie about
    figures alone: where OCR sees few of those, their share is what counts.
    """
    from rapidfuzz import fuzz, process

    wanted = [key for word in layer if (key := _key(word))]
    if len(wanted) < FEWEST:
        return None
    pool = Counter(key for word in seen if (key := _key(word)))
    figures = Counter(word for word in wanted if sum(map(str.isdigit, word)) > 1)
    told = (figures & pool).total() / figures.total() if figures.total() >= FIGURES else 1.0
    left = list((Counter(wanted) - pool).elements())
    pool -= Counter(wanted)
    matched = len(wanted) - len(left)
    for word in left:
        best = process.extractOne(word, list(pool), scorer=fuzz.ratio, score_cutoff=SAME)
        if best:
            pool -= Counter([best[0]])
            matched += 1
    return round(min(matched / len(wanted), told) if told < HONEST else matched / len(wanted), 4)


def _key(word: str) -> str:
    """Lower case without accents and signs; "" for a word with letters of another script."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", word).casefold() if char.isalnum())
    return plain if plain.isascii() else ""
