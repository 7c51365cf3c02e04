"""What each command does once the line is parsed. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.console import emit

if TYPE_CHECKING:
    from pipeline.types import SearchFilter, SearchHit
    from pipeline.wiring import Tools

__all__ = [
    "doctor",
    "index_rebuild",
    "ingest",
    "models_list",
    "models_pull",
    "search",
    "show",
    "status",
]

REFUSED_EXIT = 3


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
    emit(arguments, report.as_json, lambda: run_text(report))
    return REFUSED_EXIT if report.refused else 0


def search(arguments: argparse.Namespace) -> int:
    """Pages that answer the query, best first."""
    from pipeline.report import hits_text
    from pipeline.wiring import open_tools

    query = " ".join(arguments.query)
    with open_tools() as tools:
        hits = tools.searcher.find(query, _where(arguments, tools), arguments.limit)
    emit(arguments, lambda: {"hits": [_hit_json(hit) for hit in hits]}, lambda: hits_text(query, hits))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """One document: pages, fields, evidence."""
    from pipeline.amendments import links_of
    from pipeline.report import contract_text, document_text, links_text, origins_text, rescans_text
    from pipeline.run import report_on
    from pipeline.wiring import open_tools
    from schemas.contract import Contract

    with open_tools() as tools:
        document = tools.catalog.document(arguments.document)
        report = report_on(document.id, tools, new=True)
        record = tools.catalog.record(document.id)
        links = links_of(document, tools.catalog)
        rescans = tools.rescans.of(document.id)
        origins = tools.catalog.origins(document.id)
    contract = Contract.model_validate_json(record) if record else None

    def text() -> str:
        head = (document_text(report), origins_text(origins), links_text(links), rescans_text(rescans))
        fields = contract_text(contract) if contract else "  none: the document was not read"
        return "\n\n".join(filter(None, (*head, f"Fields\n{fields}")))

    def payload() -> dict[str, object]:
        beside = {"rescans": list(map(asdict, rescans)), "origins": list(map(asdict, origins))}
        return report.as_json() | {"record": contract and contract.model_dump(), "links": asdict(links)} | beside

    emit(arguments, payload, text)
    return 0


def status(arguments: argparse.Namespace) -> int:
    """Counts, and every document that waits for a person with its reason."""
    from pipeline.overview import overview, overview_text
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        view = overview(tools)
    emit(arguments, lambda: view, lambda: overview_text(view))
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
    emit(arguments, lambda: findings, lambda: examine_text(findings))
    return 0 if findings["ok"] else 1


def models_list(arguments: argparse.Namespace) -> int:
    """Models on this machine and known names that can be pulled."""
    from pipeline.models import KNOWN, installed
    from pipeline.report import table
    from pipeline.settings import load_settings

    here = [asdict(model) for model in installed(load_settings().models_dir)]
    known = [asdict(model) for model in KNOWN]

    def text() -> str:
        sizes = (m["problem"] or f"{m['parameters'] / 1e6:.1f} M parameters" for m in here)
        rows = [(m["name"], m["role"], m["source"], size) for m, size in zip(here, sizes, strict=True)]
        names = [(m["name"], m["role"], m["repo"]) for m in known]
        return f"On this machine\n{table(rows)}\n\nCan be pulled (muniment models pull NAME)\n{table(names)}"

    emit(arguments, lambda: {"installed": here, "known": known}, text)
    return 0


def models_pull(arguments: argparse.Namespace) -> int:
    """Download a model: the only command that does."""
    from pipeline.models import pull
    from pipeline.settings import load_settings

    model = pull(arguments.name, load_settings().models_dir, revision=arguments.revision)
    emit(arguments, lambda: asdict(model), lambda: f"{model.name} is here, at revision {model.revision}")
    return 0


def index_rebuild(arguments: argparse.Namespace) -> int:
    """Drop the index and write it anew from what the catalog remembers."""
    from pipeline.progress import bar
    from pipeline.run import RunOptions, rebuild
    from pipeline.wiring import open_tools

    with open_tools() as tools, bar("documents", quiet=arguments.json) as progress:
        done = RunOptions(on_start=progress.start, on_done=lambda document: progress.advance(document.name))
        counts = rebuild(tools, done)
    emit(arguments, lambda: counts, lambda: "{documents} documents, {pages} pages indexed".format(**counts))
    return 0


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
        law=arguments.law,
        amount_from=arguments.amount_from,
        amount_to=arguments.amount_to,
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
