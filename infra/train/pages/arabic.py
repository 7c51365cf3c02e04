"""Arabic letters joined as in writing, in the order in which they are drawn.

FreeType alone draws each letter by itself, from left to right. Unicode keeps the joined forms as letters of their own
(U+FE70 to U+FEFF), which fonts of Arabic have; their decompositions say which is which, so no table is needed.
"""

from __future__ import annotations

import unicodedata
from functools import cache

__all__ = ["joined"]

FORMS = range(0xFE80, 0xFEFD)
LAM = "ل"


@cache
def _forms() -> dict[str, dict[str, str]]:
    """The isolated, initial, medial and final form of each letter or pair of letters."""
    found: dict[str, dict[str, str]] = {}
    for code in FORMS:
        name, *parts = unicodedata.decomposition(chr(code)).split()
        found.setdefault("".join(chr(int(part, 16)) for part in parts), {})[name.strip("<>")] = chr(code)
    return found


def joined(word: str) -> str:
    """The word's letters as drawn from left to right; a word with no Arabic letter as it is."""
    letters = [letter for letter in word if not unicodedata.combining(letter)]
    forms = _forms()
    if not any(letter in forms for letter in letters):
        return word
    units: list[str] = []
    for letter in letters:
        if units and units[-1] == LAM and LAM + letter in forms:
            units[-1] += letter
        else:
            units.append(letter)
    drawn = [_shape(units, place) for place in range(len(units))]
    return "".join(reversed(drawn))


def _shape(units: list[str], place: int) -> str:
    forms = _forms()
    here = forms.get(units[place])
    if here is None:
        return units[place]
    before = place > 0 and "initial" in forms.get(units[place - 1], {})
    after = "initial" in here and place + 1 < len(units) and units[place + 1] in forms
    name = ("medial" if after else "final") if before else ("initial" if after else "isolated")
    return here.get(name, here.get("isolated", units[place]))
