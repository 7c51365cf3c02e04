"""Whether a text layer says what the page shows, judged by its letters and by a few lines of OCR."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from pipeline.types import Word

__all__ = ["agreement", "implausible", "spot_lines"]

BAD_LETTERS = 0.05
SPOT_LINES = 3
SPOT_WORDS = (3, 20)  # a line to check has this many words: enough to tell, few enough to be quick
SAME = 80.0  # rapidfuzz ratio: one wrong letter in five


def implausible(words: Sequence[str]) -> str:
    """Why these can't be a page's words: characters that stand for no letter; "" if they can."""
    letters = "".join(words)
    bad = sum(letter == "\ufffd" or unicodedata.category(letter) in ("Co", "Cn", "Cc") for letter in letters)
    if letters and bad > BAD_LETTERS * len(letters):
        return f"{bad / len(letters):.0%} of the text layer's characters stand for no letter"
    return ""


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


def agreement(layer: Sequence[str], seen: Sequence[str]) -> float:
    """The share of the layer's words that OCR saw too, each of OCR's words counting once."""
    from rapidfuzz import fuzz, process

    wanted = [key for word in layer if (key := _key(word))]
    pool = Counter(key for word in seen if (key := _key(word)))
    left = []
    for word in wanted:
        if pool[word] > 0:
            pool[word] -= 1
        else:
            left.append(word)
    matched = len(wanted) - len(left)
    for word in left:
        rest = [other for other, count in pool.items() if count > 0]
        best = process.extractOne(word, rest, scorer=fuzz.ratio, score_cutoff=SAME)
        if best:
            pool[best[0]] -= 1
            matched += 1
    return round(matched / len(wanted), 4) if wanted else 1.0


def _key(word: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", word).casefold()))
