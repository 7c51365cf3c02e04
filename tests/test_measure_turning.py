"""What is printed of pages that were turned: who stood upright before and after the VLM was asked."""

from infra.measure.turning import Stood, report

STOOD = [
    Stood("a.pdf", before=True, after=True),
    Stood("a.pdf", before=False, after=True, asked=True, again=True),
    Stood("b.pdf", before=False, after=False, asked=True),
    Stood("c.pdf", before=True, after=True, asked=True, again=True),
]


def test_the_report_counts_pages_put_upright_and_upset():
    """Shares with intervals, the gain, and how many pages were asked about, read again, mended and spoiled."""
    lines = list(report(STOOD))
    assert lines[0] == "4 pages of 3 documents, turned by quarters"
    assert lines[1].startswith("upright by letters    0.500 [")
    assert lines[2].startswith("with the VLM's word   0.750 [")
    assert "gained 0.250" in lines[2]
    assert lines[3] == "asked about 3, read again 2, put upright 1, upset 0"


def test_a_page_that_was_upset_is_counted():
    """One that stood upright and no longer does is no gain of another's."""
    assert list(report([Stood("a.pdf", before=True, after=False, asked=True, again=True)]))[3].endswith("upset 1")
