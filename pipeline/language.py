"""Which language and script the words of a page are in, and what the configured language says to that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

__all__ = ["expected_languages", "identify", "notes"]

ENOUGH_WORDS = 20
CERTAIN = 0.9
# Tesseract's names of its models, as ISO 639-1.
ISO = {
    "bul": "bg", "ces": "cs", "chi_sim": "zh", "chi_tra": "zh", "dan": "da", "deu": "de", "ell": "el", "eng": "en",
    "est": "et", "fin": "fi", "fra": "fr", "gle": "ga", "hrv": "hr", "hun": "hu", "ita": "it", "jpn": "ja",
    "kor": "ko", "lav": "lv", "lit": "lt", "mlt": "mt", "nld": "nl", "nor": "no", "pol": "pl", "por": "pt",
    "ron": "ro", "rus": "ru", "slk": "sk", "slv": "sl", "spa": "es", "swe": "sv", "tur": "tr", "ukr": "uk",
}  # fmt: skip
NAMES = {
    "bg": "Bulgarian", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French", "ga": "Irish", "hr": "Croatian",
    "hu": "Hungarian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "la": "Latin", "lt": "Lithuanian",
    "lv": "Latvian",
    "mt": "Maltese", "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian",
    "zh": "Chinese",
}  # fmt: skip
NOT_LATIN = {"bg", "el", "ja", "ko", "ru", "uk", "zh"}


def expected_languages(configured: str) -> set[str]:
    """The ISO 639-1 codes of a Tesseract language setting; models without one are left out."""
    return {ISO[name] for name in configured.split("+") if name in ISO}


def identify(words: Sequence[str]) -> str:
    """The ISO 639-1 code of the words' language; "" when there are too few to tell or it isn't clear."""
    if len(words) < ENOUGH_WORDS:
        return ""
    code, probability = _identifier().classify(" ".join(words))
    return str(code) if probability >= CERTAIN else ""


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def notes(language: str, script: str, configured: str) -> list[str]:
    """What a person should know when the page is not in the configured language."""
    expected = expected_languages(configured)
    if script and script != "Latin" and not expected & NOT_LATIN:
        return [f"page looks to be in {script} script; the configured language is {configured}"]
    if language in NAMES and expected and language not in expected:
        return [f"page is in {NAMES[language]} ({language}); the configured language is {configured}"]
    return []
