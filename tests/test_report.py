"""What a person reads on the terminal is disarmed, aligned and complete."""

from pipeline.report import clip, hits_text, plain, run_text, table
from pipeline.run import DocumentReport, RunReport
from pipeline.types import Box, Document, DocumentStatus, PageOutcome, PageStatus, Route, SearchHit


def test_plain_disarms_control_and_format_characters():
    """Escape sequences, line breaks, NUL, RTL overrides and lone surrogates of a file name never reach the terminal."""
    assert plain("a\x1b[2Jb\n\u202ec\x00d\ud800e\u200bf") == "a [2Jb c d e f"
    assert plain("Müller & Söhne – Vertrag №7") == "Müller & Söhne – Vertrag №7"


def test_clip_keeps_short_text_and_marks_cut_text():
    """Text is cut to the width with an ellipsis, and only then."""
    assert clip("short", 10) == "short"
    assert clip("x" * 50, 10) == "x" * 9 + "…"


def test_table_aligns_columns():
    """Columns start at the same place in each row; an empty table is empty."""
    assert table([("a", "1"), ("bbb", "22")]) == "  a    1\n  bbb  22"
    assert table([]) == ""


def report(status: DocumentStatus) -> RunReport:
    pages = (
        PageOutcome(1, Route.TEXT, ("good text layer, 412 words",), PageStatus.EXTRACTED),
        PageOutcome(2, None, ("page 2 took longer than 60 s",), PageStatus.HELD),
    )
    document = Document("0123456789ab", "alder", "x\n.pdf", "", status, "1 of 2 pages held")
    return RunReport((DocumentReport(document, pages),), {"read": 1.25})


def test_run_text_names_every_page_with_its_reason():
    """The report of a run shows documents, pages, routes, reasons, totals and seconds."""
    text = run_text(report(DocumentStatus.HELD))
    assert "x .pdf  [0123456789ab]  matter alder: held (1 of 2 pages held)" in text
    assert "page 1  text  extracted  good text layer, 412 words" in text
    assert "page 2  -     held       page 2 took longer than 60 s" in text
    assert "pages held" in text
    assert "read  1.25" in text


def test_run_counts_what_a_person_must_look_at():
    """Held, rejected and unfinished documents count as refused; done and waiting ones do not."""
    refused = {status: report(status).refused for status in DocumentStatus}
    assert refused == {
        DocumentStatus.RECEIVED: 1,
        DocumentStatus.DONE: 0,
        DocumentStatus.AWAITING: 0,
        DocumentStatus.HELD: 1,
        DocumentStatus.REJECTED: 1,
    }


def test_hits_text():
    """A hit shows where it is and what it says; no hit is said in words."""
    hit = SearchHit("0123456789ab", "lease.pdf", "dune", 3, 0.5, "monthly rent", (Box(0.1, 0.2, 0.3, 0.4),))
    text = hits_text("rent", [hit])
    assert " 1. lease.pdf, page 3  [0123456789ab, matter dune]" in text
    assert "“monthly rent”" in text
    assert "0.10,0.20" in text
    assert hits_text("rent\x1b", []) == "No page found for “rent”."
