"""Printed values to normal forms: ISO dates, "USD 1250.00", "30 days", a name without its noise.

All functions are pure and answer "" where the text does not hold such a value for certain; none guesses a
missing part. Long strings are refused rather than parsed: a date or a sum is short.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from num2words import num2words

__all__ = ["anniversary", "currencies", "date_readings", "duration", "iso_date", "money", "number", "tidy"]

MAX_VALUE = 200
"""Characters of a date, sum or duration worth parsing."""

TYPOGRAPHY = str.maketrans("‘’‚‛“”„‟′″‐‑‒–—―−", "''''\"\"\"\"'\"-------")
ORDINALS = [num2words(day, to="ordinal") for day in range(1, 32)]
ORDINAL_WORD = re.compile(r"\b(" + "|".join(reversed(ORDINALS)) + r")\b", re.IGNORECASE)
DIGIT_RUN = re.compile(r"(?<![^\W_])(?:(?=[\dOoIl|SB]*\d)[\dOoIl|SB]{1,4}|[Il|])(?=[^\w]|$|st\b|nd\b|rd\b|th\b)")
SUM_RUN = re.compile(r"(?<![A-Za-z])(?=[.,OoIl|]*\d)[\d.,OoIl|]{2,}(?![A-Za-z])")
DIGIT_LIKE = str.maketrans("OoIl|SB", "0011158")

CURRENCIES = {
    "$": "USD", "US$": "USD", "USD": "USD", "U.S.$": "USD", "DOLLARS": "USD", "DOLLAR": "USD",
    "€": "EUR", "EUR": "EUR", "EUROS": "EUR", "EURO": "EUR", "£": "GBP", "GBP": "GBP", "POUNDS": "GBP",
    "¥": "JPY", "JPY": "JPY", "YEN": "JPY", "RMB": "CNY", "CNY": "CNY", "YUAN": "CNY", "CHF": "CHF",
    "C$": "CAD", "CA$": "CAD", "CAD": "CAD", "A$": "AUD", "AU$": "AUD", "AUD": "AUD", "HK$": "HKD", "HKD": "HKD",
    "S$": "SGD", "SGD": "SGD", "NZ$": "NZD", "NZD": "NZD", "RM": "MYR", "MYR": "MYR", "₹": "INR", "INR": "INR",
    "RUPEES": "INR", "RS": "INR",
}  # fmt: skip
CURRENCY = re.compile(
    r"(?<![A-Za-z])("
    + "|".join(re.escape(name) for name in sorted(CURRENCIES, key=len, reverse=True))
    + r")(?![A-Za-z])",
    re.IGNORECASE,
)
SCALE = re.compile(r"\d\s*(thousand|million|billion|[kmb]n?\b)", re.IGNORECASE)
SCALES = {"t": 10**3, "k": 10**3, "m": 10**6, "b": 10**9}
NUMERAL = re.compile(r"\d[\d.,' ]*\d|\d|\.\d{2}\b")
UNIT = r"(?:business|working|calendar|banking)?\s*(?:hour|day|week|month|quarter|year)"
DURATION = re.compile(
    rf"(?P<words>[a-z][a-z\- ]*?)?\s*[(\[]?\s*(?P<digits>\d{{1,4}})?\s*[)\]]?[\s-]*(?P<unit>{UNIT})s?\b", re.I
)


def tidy(text: str) -> str:
    """One line of plain text: compatibility forms, straight quotes, no control or direction characters."""
    if text.isascii() and text.isprintable():  # nearly every text: nothing in it changes but the blanks
        return " ".join(text.split())
    folded = unicodedata.normalize("NFKC", text).translate(TYPOGRAPHY)
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " if c in "\t\n\r\f\v" else "" for c in folded)
    return " ".join(kept.split())


def iso_date(text: str, order: str = "MDY") -> str:
    """The date as YYYY-MM-DD, or "" unless day, month and year are all there.

    `order` decides only what the digits leave open: "16/09/2017" has one reading in any order. Two-digit
    years up to 68 are of this century (POSIX). OCR's l, O, S in a number are read as the digits they are.
    """
    return _parse_date(tidy(text[: MAX_VALUE + 1]), order) if len(text) <= MAX_VALUE else ""


def date_readings(text: str) -> frozenset[str]:
    """Every ISO date the text can mean: two for 03/04/2021, none for no date."""
    return frozenset(filter(None, (iso_date(text, order) for order in ("MDY", "DMY"))))


@lru_cache(maxsize=4096)
def _parse_date(text: str, order: str) -> str:
    import dateparser

    plain = DIGIT_RUN.sub(lambda m: m[0].translate(DIGIT_LIKE), text)
    plain = ORDINAL_WORD.sub(lambda m: str(ORDINALS.index(m[1].lower()) + 1), plain)
    plain = re.sub(r"(?<=\d)(?:\s*(?:st|nd|rd|th)\b|[\"'°*™%]{1,2})", "", plain, flags=re.IGNORECASE)
    plain = re.sub(r"(?<=\d)\s?[;.](?=\s+\d{4}$)", "", plain)
    plain = re.sub(r"\b(?:the|day|of|in|year)\b|[,|_]", " ", plain, flags=re.IGNORECASE)
    plain = re.sub(r"^\s*((?:19|20)\d\d)([01]\d)([0-3]\d)\s*$", r"\1-\2-\3", plain)
    settings = {"REQUIRE_PARTS": ["day", "month", "year"], "DATE_ORDER": order, "PARSERS": ["absolute-time"]}
    found = dateparser.parse(" ".join(plain.split()), languages=["en"], settings=settings)
    return found.date().isoformat() if found and 1800 <= found.year <= 2200 else ""


def money(text: str, currency: str = "") -> str:
    """The sum as "USD 1250.00", or "" without digits or a number in words.

    Digits win over words ("Two Thousand Dollars ($2,000)"). A bare "$" is USD; without any sign `currency`
    is used, and without that the code is "XXX", ISO 4217's "no currency".
    """
    plain = SUM_RUN.sub(lambda m: m[0].translate(DIGIT_LIKE), tidy(text[:MAX_VALUE]))
    sign = CURRENCY.search(plain)
    code = CURRENCIES[sign[1].upper()] if sign else currency.upper() or "XXX"
    amount = _digits_amount(plain)
    if amount is None and (words := number(CURRENCY.sub(" ", plain).strip(" .,()"))):
        amount = Decimal(words)
    return f"{code} {amount:.2f}" if amount is not None else ""


def currencies(text: str) -> frozenset[str]:
    """The ISO codes of the currency signs and words in a text of any length."""
    return frozenset(CURRENCIES[match[1].upper()] for match in CURRENCY.finditer(tidy(text)))


def _digits_amount(text: str) -> Decimal | None:
    from price_parser.parser import Price

    runs = NUMERAL.findall(text)
    if not runs:
        return None
    try:
        amount = Price.fromstring(max(runs, key=len).strip(" '")).amount
    except (InvalidOperation, ValueError):
        return None
    if amount is None:
        return None
    scale = SCALE.search(text)
    return Decimal(amount) * (SCALES[scale[1][0].lower()] if scale else 1)


def number(words: str) -> int | None:
    """The value of an English number in words ("one hundred fifty"), or None."""
    from text_to_num import text2num

    plain = re.sub(r"\band\b|[,]", " ", words.lower().replace("-", " "))
    try:
        return int(text2num(" ".join(plain.split()), "en"))
    except ValueError:
        return None


def duration(text: str) -> str:
    """The first length of time as "30 days" or "1 year", or ""; a number in digits wins over one in words."""
    for match in DURATION.finditer(tidy(text[:MAX_VALUE])):
        count = int(match["digits"]) if match["digits"] else _trailing_number(match["words"] or "")
        if count:
            unit = " ".join(match["unit"].lower().split())
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return ""


def anniversary(text: str) -> str:
    """How long until an anniversary: "2 years" for "second anniversary", "18 months" for "18-month anniversary"."""
    plain = tidy(text[:MAX_VALUE])
    if found := ORDINAL_WORD.search(plain):
        count = ORDINALS.index(found[1].lower()) + 1
    elif found := re.search(r"(\d{1,2})\s?(?:st|nd|rd|th)\b", plain):
        count = int(found[1])
    else:
        return duration(plain) if "anniversar" in plain.lower() else ""
    return f"{count} year" + ("" if count == 1 else "s")


def _trailing_number(words: str) -> int | None:
    """The number that ends a run of words: 'a period of thirty' gives 30."""
    parts = re.sub(r"-", " ", words).split()
    values = (number(" ".join(parts[-n:])) for n in range(min(4, len(parts)), 0, -1))
    return next((value for value in values if value), None)
