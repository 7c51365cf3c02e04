"""Names from outside: how hostile file names, matters and texts become storable, and what a document's id is.

PostgreSQL refuses NUL and lone surrogates in text, SQLite's driver refuses lone surrogates, and a terminal
obeys control characters. Names are therefore normalised once, here: every byte that is not UTF-8, every
control character and every bidirectional override is written out as a backslash escape (`\\xff`, `\\x0a`,
`\\u202e`), and the whole is composed to Unicode NFC. A look-up normalises what was typed in the same way.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata

from pipeline.errors import UsageError

__all__ = ["clean_matter", "clean_name", "document_id", "one_line", "storable"]

MATTER_LENGTH = 100
REASON_LENGTH = 500

# C0 and C1 controls, line and paragraph separators, bidirectional embeddings, overrides and isolates
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_REFUSED = re.compile("[\x00\ud800-\udfff]")


def document_id(matter: str, sha256: str, length: int = 12) -> str:
    """The id of these bytes in this matter: `length` hex digits, the same on every run and machine."""
    return hashlib.sha256(f"{matter}\0{sha256}".encode(errors="surrogatepass")).hexdigest()[:length]


def storable(text: str) -> str:
    """Any text as both databases take it: NUL and lone surrogates become U+FFFD."""
    return _REFUSED.sub("\ufffd", text)


def clean_name(name: str) -> str:
    """A file name or path, printable and storable; see the module's docstring."""
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError:  # a surrogate no file system gave us: it stands for no byte
        raw = storable(name).encode()
    # composed last: a combining mark after a control character joins the escape's last digit
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub(_escape, raw.decode("utf-8", "backslashreplace")))


def clean_matter(matter: str) -> str:
    """A matter's name in NFC without blanks around it; `UsageError` says why it can't be one.

    It has 1 to 100 characters, none of them a control character, a path separator or a byte that is not
    UTF-8: it is a folder's name, a filter's value and part of every document's id.
    """
    text = unicodedata.normalize("NFC", matter).strip()
    if not text or text in {".", ".."}:
        raise UsageError("a matter needs a name")
    if len(text) > MATTER_LENGTH:
        raise UsageError(f"a matter's name has at most {MATTER_LENGTH} characters, this one has {len(text)}")
    if _UNPRINTABLE.search(text) or _REFUSED.search(text) or "/" in text or "\\" in text:
        raise UsageError(f"a matter's name has no control characters, slashes or broken bytes: {clean_name(text)}")
    return text


def one_line(reason: str) -> str:
    """A reason on one printable line of at most 500 characters."""
    return clean_name(" ".join(reason.split()))[:REASON_LENGTH]


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
