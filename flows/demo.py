"""`make demo`: the main job on the sample documents, as a newcomer would run it.

Walks `sample_docs/` through the Prefect flow, prints documents, routes with reasons, fields with their
proof and time by stage, then asks two questions. Run again, it finds everything done and only asks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sample_docs
from flows.ingest import ingest_folder
from pipeline.report import clip, contract_text, hits_text, run_text
from pipeline.run import RunReport, report_on
from pipeline.settings import load_settings
from pipeline.types import DocumentStatus, SearchFilter
from pipeline.wiring import Tools, open_tools
from schemas.contract import Contract

__all__ = ["main"]

SAMPLES = Path(sample_docs.__file__).parent / "inbox"
GOLDEN = Path(sample_docs.__file__).parent / "queries.jsonl"
ASKED = (("master-services-agreement.pdf", "convenience"), ("office-lease.pdf", "renew|extend|base rent"))
SHOWN_DOCUMENTS = 2  # documents whose fields are printed; the others by `muniment show`
SHOWN_VALUES = 3  # of each field
HITS = 3


def main() -> int:
    """Run the demo; the exit code is 0 when no document was lost and every question found a page."""
    print(f"Muniment takes in {SAMPLES.parent.name}/{SAMPLES.name} through its Prefect flow.")
    print("Prefect starts a server of its own first: some seconds.\n", flush=True)
    result = ingest_folder([str(SAMPLES)])
    with open_tools(load_settings()) as tools:
        reports = tuple(report_on(d["id"], tools, d["new"]) for d in result["documents"])
        report = RunReport(reports, result["seconds"])
        print(run_text(report))
        _print_fields(report, tools)
        answered = [_ask(question, tools) for question in QUESTIONS]
    _print_next_steps(report)
    unfinished = any(d.document.status is DocumentStatus.RECEIVED for d in report.documents)
    return 0 if report.documents and all(answered) and not unfinished else 1


def _print_fields(report: RunReport, tools: Tools) -> None:
    read = [d for d in report.documents if tools.catalog.record(d.document.id)]
    longest = sorted(read, key=lambda d: len(d.pages), reverse=True)[:SHOWN_FIELDS]
    for document in longest:
        record = tools.catalog.record(document.document.id)
        assert record is not None
        print(f"\nFields of {clip(document.document.name, 60)}, each with the passage that proves it")
        print(contract_text(Contract.model_validate_json(record)))


def _ask(question: str, tools: Tools) -> bool:
    hits = tools.searcher.find(question, SearchFilter(), HITS)
    print(f"\nQuestion: {question}\n{hits_text(question, hits)}")
    return bool(hits)


def _print_next_steps(report: RunReport) -> None:
    first = report.documents[0].document if report.documents else None
    print("\nNow yours:  .venv/bin/muniment ingest FOLDER   then   .venv/bin/muniment search 'a question'")
    if first:
        print(f"This demo's home is kept: MUNIMENT_HOME=.demo .venv/bin/muniment show {first.id}")


if __name__ == "__main__":
    sys.exit(main())
