"""Exact phrases and reference numbers: one spelling for the page and for the query.

What is tolerated, because OCR and typesetting vary in it: case, accents, ligatures, typographic quotes, punctuation,
any whitespace, a word broken by a hyphen at the end of a line, a compound written with or without its hyphen, and
in a token that holds a digit the letters o, i and l for 0 and 1. Nothing else is: a misread letter is another word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["ParsedQuery", "page_spellings", "parse", "reference_spellings", "spellings", "tokens"]

# A query is a question, not a document: what stands beyond this is cut, so no model is fed 100 kB.
MAX_QUERY = 2000
MAX_PHRASES = 8
BARE_DIGITS = 5  # from this length on, a number identifies something without its prefix

_TOKEN = re.compile(r"[^\W_]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")
_LINE_HYPHEN = re.compile(r"(?<=[^\W\d_])-[ \t]*\n\s*(?=[^\W\d_])")
_INNER_HYPHEN = re.compile(r"(?<=[^\W_])-(?=[^\W_])")
_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]+)[\"”“»]")
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_REFERENCE = re.compile(
    r"""(?<![\w-]) (?:
      [A-Za-z][A-Za-z0-9]{0,9} (?:[-/.][A-Za-z0-9]{1,12})* [-/] (?=[A-Za-z0-9]*\d) [A-Za-z0-9]{2,20}  # MSA-2021-0043
    | [A-Z]{1,6} [ ]? (?:No\.?[ ]?)? \#? \d{5,20}                                                    # PO 4500123
    | \d{5,20} (?:[-/][A-Za-z0-9]{1,12})*                                                             # 4500123-7
    ) (?![\w-])""",
    re.VERBOSE,
)
_LOOKALIKES = str.maketrans("oil", "011")


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query taken apart: `phrases` must stand on a page, `references` should, `plain` is what is meant.

    `plain` keeps the words of phrases and references too, so that ranking knows them. `only_references`: outside
    quotes nothing else was said.
    """

    plain: str
    phrases: tuple[tuple[str, ...], ...] = ()
    references: tuple[str, ...] = ()
    only_references: bool = False


def parse(query: str) -> ParsedQuery:
    """Take a query apart; control characters are blanks and the text is cut at 2,000 characters.

    Quotes inside parentheses are no exact phrase: pasted contract text defines its terms so, as in (the "Parties").
    """
    text = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in query[:MAX_QUERY])
    quoted = [spellings(match) for match in _QUOTED.findall(_IN_PARENTHESES.sub(" ", text))]
    unquoted = _QUOTED.sub(" ", text)
    references = dict.fromkeys(s for match in _REFERENCE.findall(unquoted) for s in reference_spellings(match))
    return ParsedQuery(
        plain=" ".join(re.sub(r"[\"“”„«»]", " ", text).split()),
        phrases=tuple(phrase for phrase in quoted if phrase)[:MAX_PHRASES],
        references=tuple(references),
        only_references=bool(references) and not tokens(_REFERENCE.sub(" ", unquoted)),
    )


def tokens(text: str) -> list[str]:
    """The words of a text in their one spelling; any hyphen parts two words."""
    # most are letters alone, which is seen in one step
    return [token if token.isalpha() else _digits(token) for token in _TOKEN.findall(_fold(text))]


def spellings(phrase: str) -> tuple[str, ...]:
    """The forms under which a phrase may stand on a page; empty when it has no word in it."""
    joined = _INNER_HYPHEN.sub("", _fold(phrase))
    return _distinct(" ".join(tokens(phrase)), " ".join(tokens(joined)))


def reference_spellings(reference: str) -> tuple[str, ...]:
    """As `spellings`, and closed up (`PO4500123`), and the bare number where it is long enough to identify."""
    parts = tokens(reference)
    bare = parts[-1] if len(parts) == 2 and parts[-1].isdigit() and len(parts[-1]) >= BARE_DIGITS else ""
    return _distinct(*spellings(reference), "".join(parts), bare)


def page_spellings(text: str, references: Iterable[str] = ()) -> tuple[str, ...]:
    """What is indexed of a page for phrase search: its words; again with words broken over lines made whole;
    and the reference numbers an extractor read, which may be more right than OCR's letters."""
    mended, broken = _LINE_HYPHEN.subn("", _fold(text))
    forms = (" ".join(tokens(text)), " ".join(tokens(mended)) if broken else "")
    return _distinct(*forms, *(s for reference in references for s in reference_spellings(reference)))


def _fold(text: str) -> str:
    if text.isascii():  # most words of most contracts: nothing in them decomposes
        return text.lower()
    # character by character, and so of a page only its few quotation marks and dashes
    return _FOREIGN.sub(lambda found: _bare(found[0]), text).casefold()


def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("\u00ad", ""))
    return "".join(char for char in decomposed if not unicodedata.combining(char)).translate(_HYPHENS)


def _digits(token: str) -> str:
    return token.translate(_LOOKALIKES) if any(char.isdigit() for char in token) else token


def _distinct(*forms: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(form for form in forms if form))
