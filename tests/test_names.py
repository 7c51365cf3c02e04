"""Names from outside: storable, printable, and ids that are the same everywhere."""

from __future__ import annotations

import random
import unicodedata

import pytest

from pipeline.errors import UsageError
from pipeline.names import clean_matter, clean_name, document_id, one_line, storable


def hostile(seed: int) -> str:
    """Any code points at all: controls, surrogates, combining marks, overrides, letters."""
    chance = random.Random(seed)
    ranges = [
        (0, 0x20),
        (0x20, 0x7F),
        (0x7F, 0x100),
        (0x300, 0x370),
        (0x2000, 0x2070),
        (0xD800, 0xE000),
        (0x1F300, 0x1F400),
    ]
    return "".join(chr(chance.randrange(*chance.choice(ranges))) for _ in range(chance.randrange(40)))


@pytest.mark.parametrize("seed", range(100))
def test_a_clean_name_is_printable_and_stays_as_it_is(seed: int) -> None:
    """UTF-8 can hold it, no control or override is in it, and cleaning it again changes nothing."""
    name = clean_name(hostile(seed))
    name.encode()
    assert not {c for c in name if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or "\u202a" <= c <= "\u202e"}
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("lease.pdf", "lease.pdf"),
        ("u\u0308.pdf", "\u00fc.pdf"),
        ("a\udcff.pdf", "a\\xff.pdf"),
        ("a\ud800.pdf", "a\ufffd.pdf"),
        ("a\0b\nc\x1b[0m", "a\\x00b\\x0ac\\x1b[0m"),
        ("\u202efdp.exe", "\\u202efdp.exe"),
        ("C:\\old\\lease.pdf", "C:\\old\\lease.pdf"),
    ],
)
def test_a_name_is_written_out(name: str, clean: str) -> None:
    """Broken bytes, controls and overrides become escapes; all else is as it was, in NFC."""
    assert clean_name(name) == clean


def test_texts_that_no_database_takes_become_storable() -> None:
    """NUL and lone surrogates are replaced, everything else stays, line ends and controls too."""
    assert storable("a\0b\ud800c\udcff\u00e9\n\x1b") == "a\ufffdb\ufffdc\ufffd\u00e9\n\x1b"


def test_a_reason_is_one_short_line() -> None:
    """Whatever a library's message was."""
    assert one_line(" two\n\tlines \x1b\udcff ") == "two lines \\x1b\\xff"
    assert len(one_line("x" * 9000)) == 500


def test_a_matter_is_normalised() -> None:
    """Blanks around it go, and both Unicode spellings of one name are one matter."""
    assert clean_matter(" Mu\u0308ller & Co. (2024) ") == "M\u00fcller & Co. (2024)"
    assert clean_matter("m" * 100) == "m" * 100


@pytest.mark.parametrize(
    "matter", ["", "  ", ".", "..", "a/b", "a\\b", "a\nb", "a\0b", "a\udcffb", "a\ud800b", "\u202egpj", "m" * 101]
)
def test_a_matter_that_cannot_be_one_says_why(matter: str) -> None:
    """On one printable line."""
    with pytest.raises(UsageError, match="matter") as error:
        clean_matter(matter)
    assert str(error.value).isprintable()


def test_an_id_is_a_function_of_matter_and_content() -> None:
    """The first digits of sha256(matter NUL sha256); the NUL keeps the two apart."""
    assert document_id("acme", "ab" * 32) == "569e3df68b1d"  # printf 'acme\\0abab…' | sha256sum
    assert document_id("acme", "ab" * 32, 24).startswith("569e3df68b1d")
    assert document_id("a", "bc") != document_id("ab", "c")
