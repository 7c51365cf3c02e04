"""The command line as its users type it, over a small inbox of real PDFs."""

import json
import subprocess
import sys
from pathlib import Path

import pdfs
import pytest

from pipeline.cli import main


@pytest.fixture(scope="module")
def inbox(tmp_path_factory) -> Path:
    """Two matters: a born-digital agreement, a scanned lease with a blank page, a truncated PDF, a text file."""
    folder = tmp_path_factory.mktemp("inbox")
    pdfs.born_digital(folder / "alder" / "msa.pdf", pdfs.AGREEMENT)
    pdfs.scanned(folder / "dune" / "lease.pdf", pdfs.LEASE, "")
    pdfs.truncated(folder / "dune" / "cut.pdf", pdfs.LEASE, pdfs.AGREEMENT)
    (folder / "dune" / "note.txt").write_text("not a PDF")
    return folder


@pytest.fixture(scope="module")
def ingested(inbox, tmp_path_factory):
    """The inbox taken in once by `muniment ingest --json`; (home, exit code, report)."""
    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("MUNIMENT_HOME", str(home))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "ingest", str(inbox), "--json"], capture_output=True, text=True, check=False
    )
    yield home, done.returncode, json.loads(done.stdout)
    patch.undo()


@pytest.fixture
def run(capsys):
    """Run a command in this process: its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def by_name(report) -> dict:
    return {document["name"]: document for document in report["documents"]}


def test_ingest_reports_every_document_and_page(ingested):
    """Good documents are finished beside bad ones; each has a status, a reason, and its pages."""
    _, code, report = ingested
    documents = by_name(report)
    assert code == 3
    assert {name: d["status"] for name, d in documents.items()} == {
        "msa.pdf": "done",
        "lease.pdf": "done",
        "cut.pdf": "held",
        "note.txt": "rejected",
    }
    assert "cut short" in documents["cut.pdf"]["reason"]
    assert "not a PDF" in documents["note.txt"]["reason"]
    assert [(p["page"], p["route"], p["status"]) for p in documents["lease.pdf"]["pages"]] == [
        (1, "text", "extracted"),
        (2, "blank", "blank"),
    ]
    assert all(page["reasons"] for d in documents.values() for page in d["pages"])
    assert documents["lease.pdf"]["matter"] == "dune"
    assert report["totals"]["documents"] == 4
    assert {"intake", "inspect", "render", "read", "triage", "extract", "index"} <= set(report["seconds"])


def test_ingest_again_changes_nothing(ingested, inbox, run):
    """A second run finds every document here already and works none of them."""
    code, out, _ = run("ingest", str(inbox), "--json")
    again = json.loads(out)
    assert code == 3
    assert not any(document.pop("new") for document in again["documents"])
    assert again["documents"] == [{k: v for k, v in d.items() if k != "new"} for d in ingested[2]["documents"]]
    assert "render" not in again["seconds"]


def test_search_finds_the_passage_on_the_scan(ingested, run):
    """A question finds the scanned page, a verbatim passage of it, and boxes that lie where the words are."""
    code, out, _ = run("search", "how much rent does the tenant pay", "--json")
    hit = json.loads(out)["hits"][0]
    assert code == 0
    assert (hit["document"], hit["page"]) == ("lease.pdf", 1)
    assert "monthly base rent" in hit["quote"]
    assert all(0 <= left < right <= 1 and 0 <= top < bottom <= 1 for left, top, right, bottom in hit["boxes"])
    # the rent stands in the page's upper half: see tests/pdfs.py
    assert all(bottom < 0.5 for _, _, _, bottom in hit["boxes"])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (('"kangaroo mural"',), {"lease.pdf"}),
        (('"kangaroo mural"', "--matter", "alder"), set()),
        (("governing law", "--matter", "alder"), {"msa.pdf"}),
        (("governing law", "--kind", "lease"), {"lease.pdf"}),
        (("governing law", "--party", "dune analytics"), {"lease.pdf"}),
        (("governing law", "--from", "2022-01-01"), {"lease.pdf"}),
        (("governing law", "--to", "2021-12-31"), {"msa.pdf"}),
        (("governing law", "--document", "msa.pdf"), {"msa.pdf"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_search_filters(ingested, run, arguments, expected):
    """Exact phrases and filters confine the hits to the documents that satisfy them."""
    _, out, _ = run("search", *arguments, "--json")
    assert {hit["document"] for hit in json.loads(out)["hits"]} == expected


def test_search_by_reference_number(ingested, run):
    """A contract number finds the page that bears it, first."""
    _, out, _ = run("search", "MSA-2021-0043", "--json")
    assert json.loads(out)["hits"][0]["document"] == "msa.pdf"


def test_search_text_output(ingested, run):
    """Without --json a person reads rank, document, page, score and passage."""
    _, out, _ = run("search", "monthly", "rent")
    assert "1. lease.pdf, page 1" in out
    assert "“" in out


def test_show_names_fields_with_their_proof(ingested, run):
    """A document shows its pages and its fields, each verified by a quote on a page."""
    _, out, _ = run("show", "msa.pdf", "--json")
    record = json.loads(out)["record"]
    law = record["governing_law"]["values"][0]
    assert law["value"] == "New York"
    assert law["status"] == "verified"
    assert "laws of the State of" in law["evidence"][0]["quote"]
    assert {p["value"] for p in record["parties"]["values"]} >= {"Alder Freight Company", "Brook Survey Limited"}
    _, text, _ = run("show", "msa.pdf")
    assert "governing_law" in text
    assert "verified" in text


def test_show_of_a_held_document(ingested, run):
    """A document that was not read says so instead of showing empty fields."""
    code, out, _ = run("show", "cut.pdf")
    assert code == 0
    assert "the document was not read" in out


def test_status_lists_what_waits(ingested, run):
    """Status counts what is here and names what a person should look at, with the reason."""
    _, out, _ = run("status", "--json")
    view = json.loads(out)
    assert view["documents"] == {"done": 2, "held": 1, "rejected": 1}
    assert {w["name"] for w in view["waiting"]} == {"cut.pdf", "note.txt"}
    assert all(w["reason"] for w in view["waiting"])
    assert view["runs"][0]["status"] == "finished"


def test_evaluate_retrieval(ingested, run, tmp_path):
    """A golden file is scored within its documents and across the corpus."""
    golden = tmp_path / "golden.jsonl"
    lines = [
        {"query": "monthly base rent", "document": "lease.pdf", "gold_pages": [1]},
        {"query": "governing law", "corpus_query": "law of New York", "document": "msa.pdf", "gold_pages": [1]},
    ]
    golden.write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = run("evaluate", "retrieval", str(golden), "--json")
    scores = json.loads(out)
    assert code == 0
    assert scores["queries"] == 2
    assert scores["in_document"]["ndcg@10"] == 1.0
    assert scores["corpus"]["recall@5"] == 1.0


def test_evaluate_names_a_document_that_is_not_here(ingested, run, tmp_path):
    """A golden set over documents that were not ingested is an error, not a low score."""
    golden = tmp_path / "golden.jsonl"
    golden.write_text(json.dumps({"query": "x", "document": "elsewhere.pdf", "gold_pages": [1]}))
    code, out, err = run("evaluate", "retrieval", str(golden))
    assert (code, out) == (4, "")
    assert "elsewhere.pdf" in err


@pytest.fixture
def golden(tmp_path):
    """Write golden lines to a file; its path."""

    def write(*lines: dict) -> str:
        path = tmp_path / "fields.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)))
        return str(path)

    return write


MSA = {"document": "msa.pdf", "fields": {"governing_law": [{"value": "New York", "page": 1}]}, "routes": {"1": "text"}}


def test_evaluate_extraction(ingested, run, golden):
    """The record in the catalog is judged by the document's name, for a person and for a program."""
    code, out, _ = run("evaluate", "extraction", golden(MSA), "--json")
    scores = json.loads(out)
    law = scores["fields"]["governing_law"]
    assert (code, scores["documents"], scores["missing"]) == (0, 1, [])
    assert law["f1"]["value"] == law["verified"] == law["verified_right"] == law["evidence"] == 1.0
    code, out, _ = run("evaluate", "extraction", golden(MSA))
    assert code == 0
    assert "governing_law  1" in out
    assert "1.000 [1.000, 1.000]" in out


def test_evaluate_extraction_names_what_was_missed(ingested, run, golden):
    """Documents that are not here or were rejected are counted as missed and named; the exit code says which."""
    rejected = {"document": "note.txt", "fields": {"governing_law": [{"value": "Ohio"}]}}
    code, out, _ = run("evaluate", "extraction", golden(MSA, rejected), "--json")
    assert (code, json.loads(out)["unread"]) == (3, ["note.txt"])
    code, out, _ = run("evaluate", "extraction", golden(MSA, rejected | {"document": "elsewhere.pdf"}))
    assert code == 4
    assert "1 not here, counted as missed: elsewhere.pdf" in out
    code, out, _ = run("evaluate", "extraction", golden(MSA | {"matter": "dune"}), "--json")
    assert (code, json.loads(out)["missing"]) == (4, ["msa.pdf"])


def test_evaluate_triage(ingested, run, golden):
    """The routes that triage chose, not those that doubts about fields led to."""
    wrong = {"document": "lease.pdf", "routes": {"1": "frontier", "2": "blank"}}
    code, out, _ = run("evaluate", "triage", golden(MSA, wrong), "--json")
    scores = json.loads(out)
    assert (code, scores["pages"]) == (0, 3)
    assert scores["confusion"]["text"]["text"] == scores["confusion"]["blank"]["blank"] == 1
    assert scores["agreement"]["value"] == pytest.approx(2 / 3, abs=1e-5)
    code, out, _ = run("evaluate", "triage", golden(MSA, wrong | {"document": "elsewhere.pdf"}))
    assert code == 4
    assert "elsewhere.pdf" in out


def test_evaluate_routing(ingested, run, golden):
    """The sweep reads no page again, prices them as told, and says which setting to use."""
    code, out, _ = run("evaluate", "routing", golden(MSA), "--page-usd", "0.5", "--json")
    found = json.loads(out)
    assert (code, found["pages"], found["page_usd"]) == (0, 1, 0.5)
    assert found["now"] == {"escalate_below": 0.85, "field_threshold": 0.7}
    assert set(found["knee"]) == set(found["sweeps"]) == set(found["now"])
    code, out, _ = run("evaluate", "routing", golden(MSA))
    assert "Use MUNIMENT_ESCALATE_BELOW=" in out
    assert "knee" in out


def test_evaluate_routing_under_other_settings(ingested, run, golden, monkeypatch):
    """What was triaged under another threshold is not swept as if it were of this one."""
    monkeypatch.setenv("MUNIMENT_ESCALATE_BELOW", "0.31")
    code, out, _ = run("evaluate", "routing", golden(MSA))
    assert code == 3
    assert "Use MUNIMENT" not in out
    assert "run `muniment ingest`" in out
    assert "left out: msa.pdf" in out


@pytest.mark.parametrize("what", ["extraction", "triage", "routing"])
def test_evaluate_refuses_a_bad_golden_file(ingested, run, golden, what):
    """The line is named; its content stays where it is."""
    code, out, err = run("evaluate", what, golden(MSA, {"document": "x.pdf", "fields": {"the secret": []}}))
    assert (code, out) == (2, "")
    assert "line 2: " in err
    assert "secret" not in err
    code, _, err = run("evaluate", what, golden({"document": "x.pdf"}))
    assert code == 2
    assert "holds no document with" in err


def test_index_rebuild_restores_search(ingested, run):
    """The index is made anew from what the catalog remembers, and finds the same page."""
    code, out, _ = run("index", "rebuild", "--json")
    assert (code, json.loads(out)) == (0, {"documents": 2, "pages": 2})
    _, found, _ = run("search", "kangaroo", "--json")
    assert json.loads(found)["hits"][0]["document"] == "lease.pdf"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "nothing.pdf"), 4, "no document nothing.pdf"),
        (("ingest", "no/such/folder"), 4, "no such file or folder"),
        (("search", "x", "--from", "yesterday"), 2, "not a date"),
        (("evaluate", "retrieval", "no-such-file"), 4, "can't read"),
    ],
    ids=["unknown document", "unknown path", "bad date", "missing golden file"],
)
def test_errors_are_one_line_with_their_exit_code(ingested, run, arguments, code, message):
    """What goes wrong is said on stderr in one line, with the documented exit code and nothing on stdout."""
    got, out, err = run(*arguments)
    assert (got, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


def test_a_home_that_is_no_folder_is_named(home, run, monkeypatch, tmp_path):
    """A home that can't be made is a wrong setting, said in one line."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("MUNIMENT_HOME", str(tmp_path / "taken"))
    code, out, err = run("status")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "MUNIMENT_HOME" in err


def test_a_golden_file_that_is_no_text_is_named(home, run, tmp_path):
    """Bytes that are no UTF-8 are a usage error and no traceback."""
    (tmp_path / "golden.jsonl").write_bytes(b"\xff\xfe")
    code, out, err = run("evaluate", "retrieval", str(tmp_path / "golden.jsonl"))
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_wrong_setting_names_its_variable(home, run, monkeypatch):
    """A setting out of range is a usage error that names the variable."""
    monkeypatch.setenv("MUNIMENT_DPI", "9000")
    code, _, err = run("status")
    assert code == 2
    assert "MUNIMENT_DPI" in err


def test_help_imports_nothing_heavy():
    """`muniment --help` answers at once because it imports no library that takes long."""
    modules = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipeline", "--help"], capture_output=True, text=True, check=True
    ).stderr
    imported = {line.rpartition("|")[2].strip() for line in modules.splitlines()}
    assert "argparse" in imported
    assert not imported & {"torch", "transformers", "sqlalchemy", "pydantic", "pymupdf", "numpy", "prefect"}
