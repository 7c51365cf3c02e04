"""Nasty files through the real run, and the judge who looks at how they ended."""

import gzip

import pytest

from infra.measure.corpora import CORPORA
from infra.measure.nasties import unpack, write
from infra.measure.readable import readable
from infra.measure.robustness import gather, misjudged
from infra.measure.walk import walk

# None of them comes as far as the models, which would take longer to load than all the rest.
MADE = ("bomb-content-twice", "brackets-nested", "pages-loop", "cut-short", "empty", "no-pdf")
REAL = (
    "qpdf__pages-loop.pdf",
    "pdfbox__AESkeylength256.pdf",
    "OCRmyPDF__hugemono.pdf",
    "tika__testUnicodePassword.pdf",
)


def statuses(outcome):
    return {document["name"]: (document["status"], document["reason"]) for document in outcome.documents}


def test_made_nasties_end_with_a_reason_and_leave_no_process(tmp_path):
    """A bomb, loops, damage and no PDF at all: each has a status and a reason, and nothing lives on."""
    (tmp_path / "inbox").mkdir()
    write(tmp_path / "inbox", MADE)
    outcome = walk(tmp_path / "inbox", tmp_path, page_seconds=3)
    assert (outcome.exit_code, outcome.left) == (3, {})
    assert [misjudged(document) for document in outcome.documents] == [""] * len(MADE)
    ended = statuses(outcome)
    assert "took longer" in ended["made-bomb-content-twice.pdf"][1]
    assert {ended[f"made-{name}.pdf"][0] for name in ("empty", "no-pdf")} == {"rejected"}
    # On a busy machine any of the others may meet the limit of time first.
    assert {ended[f"made-{name}.pdf"][0] for name in ("brackets-nested", "pages-loop", "cut-short")} <= {
        "held",
        "rejected",
    }


@pytest.mark.skipif(not (CORPORA / "robustness").is_dir(), reason="the shared corpora are not here")
def test_real_nasties_end_with_a_reason_and_leave_no_process(tmp_path):
    """A loop, an unknown encryption, a page of metres and a password, as their finders wrote them."""
    for name in REAL:
        (tmp_path / "inbox" / "corpus").mkdir(parents=True, exist_ok=True)
        (tmp_path / "inbox" / "corpus" / name).write_bytes((CORPORA / "robustness" / name).read_bytes())
    outcome = walk(tmp_path / "inbox", tmp_path, page_seconds=5)
    assert outcome.left == {}
    assert [misjudged(document) for document in outcome.documents] == [""] * len(REAL)
    assert outcome.peak > 50 << 20


def test_a_packed_bomb_is_unpacked_only_up_to_the_limit(tmp_path):
    """What unpacks past the size limit is cut there; the run then holds it for its size."""
    packed, target = tmp_path / "bomb.pdf.gz", tmp_path / "bomb.pdf"
    packed.write_bytes(gzip.compress(b"%PDF-1.7\n" + bytes(9 << 20)))
    unpack((packed, target, 2))
    assert 2 << 20 < target.stat().st_size <= 3 << 20


def test_packed_and_plain_files_are_gathered(tmp_path):
    """Both kinds of a corpus end up in the inbox under their PDF names."""
    source = tmp_path / "corpus"
    source.mkdir()
    (source / "a.pdf").write_bytes(b"%PDF-")
    (source / "b.pdf.gz").write_bytes(gzip.compress(b"%PDF-1.7"))
    assert gather(source, tmp_path / "inbox") == 2
    assert sorted(path.name for path in (tmp_path / "inbox").iterdir()) == ["a.pdf", "b.pdf"]


@pytest.mark.parametrize(
    ("reason", "good"),
    [
        ("page 1 can't be drawn: its content is damaged", True),
        ("", False),
        ("FzErrorLimit at paint.py:56 while reading it", False),
        ("can't be read: the program failed on it (ValueError at render.py:7)", False),
        ("two\nlines", False),
        ("the file “a\x00b” is damaged", False),
    ],
)
def test_reasons_are_judged_as_a_person_would(reason, good):
    """Plain sentences pass; names of exceptions, places in code and control characters don't."""
    assert readable(reason) is good


@pytest.mark.parametrize(
    ("status", "reason", "pages", "wrong"),
    [
        ("done", "", [{"status": "extracted", "reasons": ["good text layer"]}], ""),
        ("done", "", [], "no pages"),
        ("received", "unfinished", [], "unfinished: received"),
        ("held", "", [], "no reason"),
        ("done", "", [{"status": "extracted", "reasons": []}], "a page without status or reason"),
    ],
)
def test_a_document_is_misjudged_when_it_lacks_something(status, reason, pages, wrong):
    """Every document needs a status, every refusal a reason, every page both."""
    assert misjudged({"status": status, "reason": reason, "pages": pages}) == wrong
