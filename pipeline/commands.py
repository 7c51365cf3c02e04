"""What each command does once the line is parsed. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.evaluate.fields import FieldScores
    from pipeline.evaluate.routes import RouteScores
    from pipeline.evaluate.thresholds import Routing
    from pipeline.types import SearchFilter, SearchHit
    from pipeline.wiring import Tools

__all__ = [
    "doctor",
    "evaluate_extraction",
    "evaluate_retrieval",
    "evaluate_routing",
    "evaluate_triage",
    "index_rebuild",
    "ingest",
    "models_list",
    "models_pull",
    "search",
    "show",
    "status",
]

REFUSED_EXIT, ABSENT_EXIT = 3, 4


def ingest(arguments: argparse.Namespace) -> int:
    """Take in and work off; exit code 3 when documents were rejected, held or left unfinished."""
    from pipeline.progress import bar
    from pipeline.report import run_text
    from pipeline.run import RunOptions, ingest_paths
    from pipeline.wiring import open_tools

    with open_tools() as tools, bar("documents", quiet=arguments.json) as progress:
        options = RunOptions(
            retry=arguments.retry,
            on_start=progress.start,
            on_done=lambda document: progress.advance(f"{document.name}: {document.status}"),
        )
        report = ingest_paths(arguments.paths, arguments.matter, tools, options)
    _print(arguments, report.as_json, lambda: run_text(report))
    return REFUSED_EXIT if report.refused else 0


def search(arguments: argparse.Namespace) -> int:
    """Pages that answer the query, best first."""
    from pipeline.report import hits_text
    from pipeline.wiring import open_tools

    query = " ".join(arguments.query)
    with open_tools() as tools:
        hits = tools.searcher.find(query, _where(arguments, tools), arguments.limit)
    _print(arguments, lambda: {"hits": [_hit_json(hit) for hit in hits]}, lambda: hits_text(query, hits))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """One document: pages, fields, evidence."""
    from pipeline.amendments import links_of
    from pipeline.report import contract_text, document_text, links_text
    from pipeline.run import report_on
    from pipeline.wiring import open_tools
    from schemas.contract import Contract

    with open_tools() as tools:
        document = tools.catalog.document(arguments.document)
        report = report_on(document.id, tools, new=True)
        record = tools.catalog.record(document.id)
        links = links_of(document, tools.catalog)
    contract = Contract.model_validate_json(record) if record else None

    def text() -> str:
        fields = contract_text(contract) if contract else "  none: the document was not read"
        return "\n\n".join(filter(None, (document_text(report), links_text(links), f"Fields\n{fields}")))

    def payload() -> dict[str, object]:
        return report.as_json() | {"record": contract and contract.model_dump(), "links": asdict(links)}

    _print(arguments, payload, text)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Counts, and every document that waits for a person with its reason."""
    from pipeline.overview import overview, overview_text
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        view = overview(tools)
    _print(arguments, lambda: view, lambda: overview_text(view))
    return 0


def doctor(arguments: argparse.Namespace) -> int:
    """What is installed and what would leave the machine; exit code 1 when something needed is missing, or when the
    frontier model was to be asked and can't be used."""
    from pipeline.doctor import examine, examine_text, probe_frontier
    from pipeline.settings import load_settings

    settings = load_settings()
    findings = examine(settings)
    if arguments.frontier:
        findings["frontier"] = probe_frontier(settings)
        findings["ok"] = findings["ok"] and findings["frontier"]["ok"]
    _print(arguments, lambda: findings, lambda: examine_text(findings))
    return 0 if findings["ok"] else 1


def models_list(arguments: argparse.Namespace) -> int:
    """Models on this machine and known names that can be pulled."""
    from pipeline.models import KNOWN, installed
    from pipeline.report import table
    from pipeline.settings import load_settings

    here = [asdict(model) for model in installed(load_settings().models_dir)]
    known = [asdict(model) for model in KNOWN]

    def text() -> str:
        rows = [(m["name"], m["role"], m["source"], f"{m['parameters'] / 1e6:.1f} M parameters") for m in here]
        names = [(m["name"], m["role"], m["repo"]) for m in known]
        return f"On this machine\n{table(rows)}\n\nCan be pulled (muniment models pull NAME)\n{table(names)}"

    _print(arguments, lambda: {"installed": here, "known": known}, text)
    return 0


def models_pull(arguments: argparse.Namespace) -> int:
    """Download a model: the only command that does."""
    from pipeline.models import pull
    from pipeline.settings import load_settings

    model = pull(arguments.name, load_settings().models_dir, revision=arguments.revision)
    _print(arguments, lambda: asdict(model), lambda: f"{model.name} is here, at revision {model.revision}")
    return 0


def evaluate_retrieval(arguments: argparse.Namespace) -> int:
    """Score page search against a golden file."""
    from pipeline.evaluate.ranking import retrieval
    from pipeline.evaluate.text import ranking_text
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        scores = retrieval(_lines(arguments.file), tools.find)
    _print(arguments, lambda: scores, lambda: ranking_text(scores))
    return 0


def evaluate_extraction(arguments: argparse.Namespace) -> int:
    """Score the catalog's fields; exit code 4 when golden documents are not here, 3 when some have no record."""
    from pipeline.evaluate.fields import extraction
    from pipeline.evaluate.goldenset import golden_documents, look_up
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.text import fields_text
    from pipeline.wiring import open_tools

    golden = golden_documents(_lines(arguments.file), "fields")
    with open_tools() as tools:
        scores = extraction(look_up(golden, Home(tools).record))
    _print(arguments, scores.as_json, lambda: fields_text(scores))
    return _absent_exit(scores)


def evaluate_triage(arguments: argparse.Namespace) -> int:
    """Score the routes that triage chose; exit codes as for `evaluate_extraction`."""
    from pipeline.evaluate.goldenset import golden_documents, look_up
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.routes import triage
    from pipeline.evaluate.text import routes_text
    from pipeline.wiring import open_tools

    golden = golden_documents(_lines(arguments.file), "routes")
    with open_tools() as tools:
        scores = triage(look_up(golden, Home(tools).routes))
    _print(arguments, scores.as_json, lambda: routes_text(scores))
    return _absent_exit(scores)


def evaluate_routing(arguments: argparse.Namespace) -> int:
    """Sweep the escalation thresholds over what is stored; exit codes as for `evaluate_extraction`."""
    from pipeline.evaluate.goldenset import golden_documents, look_up
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.text import routing_text
    from pipeline.evaluate.thresholds import PAGE_USD, routing
    from pipeline.triage import policy_of
    from pipeline.wiring import open_tools

    golden = golden_documents(_lines(arguments.file), "fields")
    with open_tools() as tools:
        settings, walked = tools.settings, look_up(golden, Home(tools).walked)
    price = PAGE_USD if arguments.page_usd is None else arguments.page_usd
    found = routing(walked, policy_of(settings), settings.field_threshold, price)
    now = {name: getattr(settings, name) for name in ("escalate_below", "field_threshold")}
    _print(arguments, lambda: found.as_json() | {"now": now}, lambda: routing_text(found, now))
    return _absent_exit(found)


def index_rebuild(arguments: argparse.Namespace) -> int:
    """Drop the index and write it anew from what the catalog remembers."""
    from pipeline.progress import bar
    from pipeline.run import RunOptions, rebuild
    from pipeline.wiring import open_tools

    with open_tools() as tools, bar("documents", quiet=arguments.json) as progress:
        done = RunOptions(on_start=progress.start, on_done=lambda document: progress.advance(document.name))
        counts = rebuild(tools, done)
    _print(arguments, lambda: counts, lambda: "{documents} documents, {pages} pages indexed".format(**counts))
    return 0


def _absent_exit(scores: FieldScores | RouteScores | Routing) -> int:
    """What the exit code says of documents that a golden file names: not here, or here and not read."""
    return ABSENT_EXIT if scores.missing else REFUSED_EXIT if scores.unread else 0


def _print(arguments: argparse.Namespace, payload: Callable[[], object], text: Callable[[], str]) -> None:
    """One JSON object, or text for a person. ASCII JSON is right in any locale and for any file name."""
    if arguments.json:
        print(json.dumps(payload()))
    else:
        print(text().encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8"))


def _hit_json(hit: SearchHit) -> dict[str, object]:
    boxes = [[box.left, box.top, box.right, box.bottom] for box in hit.boxes]
    return {
        "document": hit.name,
        "id": hit.document,
        "matter": hit.matter,
        "page": hit.page,
        "score": round(hit.score, 6),
        "quote": hit.quote,
        "boxes": boxes,
    }


def _where(arguments: argparse.Namespace, tools: Tools) -> SearchFilter:
    from pipeline.types import SearchFilter

    named = arguments.document
    return SearchFilter(
        matters=tuple(arguments.matter) if arguments.matter else None,
        kind=arguments.kind,
        party=arguments.party,
        dated_from=_date(arguments.dated_from),
        dated_to=_date(arguments.dated_to),
        documents=tuple(tools.catalog.document(name).id for name in named) if named else None,
    )


def _date(text: str | None) -> str | None:
    from datetime import date

    from pipeline.errors import UsageError

    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"not a date (YYYY-MM-DD): {text[:40]!r}") from error


def _lines(path: Path) -> list[str]:
    from pipeline.errors import NotFound, UsageError

    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text") from error
    except OSError as error:
        raise NotFound(f"can't read {path}: {error.strerror}") from error
