"""Long documents and many short ones on a small scale."""

from infra.measure.flat import Memory
from infra.measure.long import Run, ingest, many_documents, one_document


def test_both_kinds_end(tmp_path):
    """Every page of a long document and every short document ends, with the memory of each kind of process."""
    one_document(tmp_path / "inbox", 5)
    many_documents(tmp_path / "inbox", 4)
    run = ingest(tmp_path / "inbox", tmp_path, every=0.2)
    assert (run.documents, run.pages) == (5, 9)
    assert set(run.memory.seen) >= {"the run", "the workers"}
    assert all(max(seen) > 20 for seen in run.memory.seen.values())


def test_what_is_missing_or_grows_is_said():
    """Documents or pages without an end, memory that goes on growing, or is above a short document's; the index may."""
    seen = {"the run": [1.0, 2.0, 3.0], "the workers": [2.0, 2.0, 2.0], "the index owner": [1.0, 2.0, 3.0]}
    run = Run(1, 5, 1.0, Memory(0, "", seen=seen))
    assert run.unfinished(1, 6) == ["1 of 1 documents and 5 of 6 pages ended"] and run.unfinished(1, 5) == []
    assert run.grown() == ["the memory of the run grew by 50%"]
    short = Run(1, 1, 1.0, Memory(0, "", seen={kind: [1.5] for kind in seen}))
    assert run.above(short) == ["the run took 100% more than for 30 pages"]
