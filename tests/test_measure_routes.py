"""The confusion table of routes, and sample pages on the road up to triage."""

from infra.measure.labels import samples
from infra.measure.pages import read_pages
from infra.measure.routes import Judged, confusion, judge, report
from pipeline.errors import DocumentHeld
from pipeline.triage import Policy
from pipeline.types import Route

JUDGED = [
    Judged("c/a.pdf", 1, Route.TEXT, "print", Route.TEXT, "clean", Route.TEXT),
    Judged("c/a.pdf", 2, Route.FRONTIER, "signature", Route.LOCAL, "a form", Route.TEXT),
    Judged("c/b.pdf", 1, Route.FRONTIER, "signature", Route.FRONTIER, "pen strokes", Route.TEXT),
    Judged("c/b.pdf", 2, Route.LOCAL, "form", "held", "damaged", "held"),
]


def test_pages_are_counted_by_both_routes():
    """A page that was held has a column of its own."""
    assert confusion(JUDGED) == {
        ("text", "text"): 1,
        ("frontier", "local"): 1,
        ("frontier", "frontier"): 1,
        ("local", "held"): 1,
    }


def test_the_report_gives_shares_and_names_every_miss():
    """Agreement, its gain over triage without shapes, what of the frontier was found, and each miss with its reason."""
    lines = list(report(JUDGED))
    assert "held" in lines[0]
    assert lines[5].startswith("agreement             0.500 [")
    assert "without shapes        0.250" in lines[6]
    assert "gained 0.250" in lines[6]
    assert lines[7].startswith("frontier found        0.500 [")
    assert lines[8].startswith("frontier for nothing  0.000 [")
    assert lines[9:] == [
        "c/a.pdf page 2: frontier (signature), triage local: a form",
        "c/b.pdf page 2: local (form), triage held: damaged",
    ]


# Pages that show what shapes are for, and one that shows none.
SHOWN = {
    ("amendment-no-1.pdf", 3): "pen strokes",  # signatures that OCR takes for words
    ("fee-schedule.pdf", 1): "dense table",
    ("office-lease.pdf", 11): "blank",  # a back with punch holes
    ("mutual-nda.pdf", 2): "clean OCR",
}


def test_sample_pages_route_as_their_truth_says(tmp_path):
    """Signatures, a dense table, an empty back and plain print, read by the workers and again from the cache."""
    documents = [document for document in samples() if any(document.name == name for name, _ in SHOWN)]
    places = {(document.pdf, number) for document in documents for number in document.routes}
    wanted = [place for place in places if (place[0].name, place[1]) in SHOWN]
    pages = read_pages(wanted, tmp_path)
    again = read_pages(wanted, tmp_path)
    assert {place: page.text for place, page in pages.items()} == {place: page.text for place, page in again.items()}
    others = dict.fromkeys(places - set(wanted), DocumentHeld("not read in this test"))
    judged = [one for one in judge(documents, {**pages, **others}, Policy()) if one.found != "held"]
    assert len(judged) == len(SHOWN)
    for one in judged:
        assert one.found == one.wanted
        assert SHOWN[one.document.rpartition("/")[2], one.number] in one.reasons
