"""`make demo`: the main job on the sample documents, as a newcomer would run it.

Walks `sample_docs/` through the Prefect flow, prints documents, routes with reasons, fields with their
proof and time by stage, then asks two of the golden questions and says whether the right page came first. Last, the
bundled page models look at the scans among them (`demo_models.py`).
Run again, it finds everything done and only asks.
"""

from __future__ import annotations

import sys
from pathlib import Path

import sample_docs
from flows.demo_models import show
from flows.ingest import ingest_folder
from pipeline.evaluate.ranking import Golden, golden
from pipeline.report import clip, contract_text, hits_text, run_text
from pipeline.run import RunReport, report_on
from pipeline.settings import load_settings
from pipeline.types import DocumentStatus, SearchFilter
from pipeline.wiring import Tools, open_tools
from schemas.contract import Contract

__all__ = ["main"]

SAMPLES = Path(sample_docs.__file__).parent
SHOWN = ("master-services-agreement.pdf", "office-lease.pdf")  # documents whose fields are printed
ASKED = (  # two of sample_docs/queries.jsonl that show well; `muniment evaluate retrieval` measures all of them
    "Which contract lets the customer terminate if the provider is taken over by an ocean carrier?",
    "What is the early termination fee in the Pemberton Square office lease?",
)
SHOWN_VALUES = 3  # of each field; `muniment show` prints all
HITS = 3


def main() -> int:
    """Run the demo; the exit code is 0 when no document was lost and every question found its page."""
    print("Muniment takes in sample_docs/inbox through its Prefect flow.")
    print("Prefect starts a server of its own first: some seconds.\n", flush=True)
    result = ingest_folder([str(SAMPLES / "inbox")])
    with open_tools(load_settings()) as tools:
        reports = tuple(report_on(d["id"], tools, d["new"]) for d in result["documents"])
        report = RunReport(reports, result["seconds"])
        print(run_text(report))
        _print_fields(report, tools)
        questions = _questions()
        answered = [_ask(question, tools) for question in questions if question.corpus_query in ASKED]
        show(questions, tools)
    _print_next_steps(report)
    unfinished = any(d.document.status is DocumentStatus.RECEIVED for d in report.documents)
    return 0 if report.documents and all(answered) and not unfinished else 1


def _questions() -> list[Golden]:
    lines = (SAMPLES / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    return [golden(line, number) for number, line in enumerate(lines, 1)]


def _print_fields(report: RunReport, tools: Tools) -> None:
    for document in report.documents:
        record = tools.catalog.record(document.document.id)
        if document.document.name in SHOWN and record:
            print(f"\nFields of {clip(document.document.name, 60)}, each with the passage that proves it")
            print(contract_text(Contract.model_validate_json(record), SHOWN_VALUES))


def _ask(question: Golden, tools: Tools) -> bool:
    hits = tools.searcher.find(question.corpus_query, SearchFilter(), HITS)
    print(f"\nQuestion: {question.corpus_query}\n{hits_text(question.corpus_query, hits)}")
    right = [hit.name == question.document and hit.page in question.gold_pages for hit in hits]
    rank = right.index(True) + 1 if any(right) else 0
    print(f"    The page the ground truth names came {f'at rank {rank}' if rank else 'not at all'}.")
    return bool(rank)


def _print_next_steps(report: RunReport) -> None:
    print("\nNow yours:  .venv/bin/muniment ingest FOLDER   then   .venv/bin/muniment search 'a question'")
    if report.documents:
        first = report.documents[0].document.id
        print(f"This demo's home is kept: MUNIMENT_HOME=.demo .venv/bin/muniment show {first}")


if __name__ == "__main__":
    sys.exit(main())
