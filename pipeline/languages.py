"""Which language and script a Tesseract language pack reads, so that a page can be held against the firm's own.

Tesseract names packs by ISO 639-2 (`eng`), language identification answers in ISO 639-1 (`en`), and Tesseract's
orientation-and-script detection in script names (`Latin`). One table joins the three; a pack that it does
not list is never held against a page.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Reads", "name_of", "reads"]


class Reads(NamedTuple):
    """What a set of packs can read, sorted; empty is "can't tell"."""

    languages: tuple[str, ...]
    scripts: tuple[str, ...]


_PACKS = {
    "eng": ("en", "Latin"),
    "deu": ("de", "Latin"),
    "fra": ("fr", "Latin"),
    "spa": ("es", "Latin"),
    "ita": ("it", "Latin"),
    "por": ("pt", "Latin"),
    "nld": ("nl", "Latin"),
    "dan": ("da", "Latin"),
    "swe": ("sv", "Latin"),
    "nor": ("no", "Latin"),
    "fin": ("fi", "Latin"),
    "pol": ("pl", "Latin"),
    "ces": ("cs", "Latin"),
    "hun": ("hu", "Latin"),
    "ron": ("ro", "Latin"),
    "tur": ("tr", "Latin"),
    "rus": ("ru", "Cyrillic"),
    "ukr": ("uk", "Cyrillic"),
    "bul": ("bg", "Cyrillic"),
    "ell": ("el", "Greek"),
    "heb": ("he", "Hebrew"),
    "ara": ("ar", "Arabic"),
    "hin": ("hi", "Devanagari"),
    "tha": ("th", "Thai"),
    "chi_sim": ("zh", "Han"),
    "chi_tra": ("zh", "Han"),
    "jpn": ("ja", "Japanese"),
    "kor": ("ko", "Korean"),
}

_NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "da": "Danish",
    "sv": "Swedish",
    "no": "Norwegian",
    "fi": "Finnish",
    "pl": "Polish",
    "cs": "Czech",
    "hu": "Hungarian",
    "ro": "Romanian",
    "tr": "Turkish",
    "ru": "Russian",
    "uk": "Ukrainian",
    "bg": "Bulgarian",
    "el": "Greek",
    "he": "Hebrew",
    "ar": "Arabic",
    "hi": "Hindi",
    "th": "Thai",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
}


def name_of(language: str) -> str:
    """How a reason names a language: `French (fr)`, or the bare code when it is not in the table."""
    return f"{_NAMES[language]} ({language})" if language in _NAMES else language


def reads(packs: str) -> Reads:
    """What `packs` (as in the setting: `eng` or `eng+deu`) read; all empty if one of them is not in the table.

    >>> reads("eng+deu").languages
    ('de', 'en')
    """
    names = [name for name in packs.split("+") if name]
    if not all(name in _PACKS for name in names):
        return Reads((), ())
    languages, scripts = zip(*(_PACKS[name] for name in names), strict=True) if names else ((), ())
    return Reads(tuple(sorted(set(languages))), tuple(sorted(set(scripts))))
