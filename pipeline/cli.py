"""The command line: parse, call, print, map errors to exit codes. Nothing heavy is imported to say --help.

Exit codes: 0 done; 1 unexpected error; 2 wrong usage or setting; 3 the run went well but documents were
rejected or held (each is named with its reason); 4 no such document or file; 5 catalog; 6 index; 7 model;
8 not allowed to leave; 9 budget spent; 10 frontier model stopped; 11 another run of this kind is at work;
12 under legal hold; 130 interrupted (run the command again: it goes on where it stopped).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline import __version__, commands, review_commands, up_commands
from pipeline.errors import MunimentError
from pipeline.evaluate import commands as evaluation
from pipeline.frontier import commands as frontier
from pipeline.inbox import commands as watch_commands
from pipeline.keeping import commands as keeping_commands
from pipeline.telling import commands as telling_commands
from pipeline.web.options import add_options

__all__ = ["main"]

INTERRUPTED_EXIT = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code comes back."""
    arguments = _parser().parse_args(argv)
    from pipeline.settings import load_settings
    from pipeline.telling.logs import set_up

    try:
        set_up(load_settings())
        code: int = arguments.command(arguments)
    except MunimentError as error:
        print(f"muniment: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("muniment: interrupted; the same command goes on where this one stopped", file=sys.stderr)
        return INTERRUPTED_EXIT
    except BrokenPipeError:  # `muniment search … | head` closed our stdout: nothing left to say there
        sys.stdout = None
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="muniment",
        description="Scanned contracts in; routed, extracted and searchable pages out. Data lives under MUNIMENT_HOME.",
        epilog="exit codes: 0 done, 1 unexpected, 2 usage, 3 some documents rejected or held, 4 not found, "
        "5 catalog, 6 index, 7 model, 8 not allowed to leave, 9 budget spent, 10 frontier model stopped, "
        "11 another run is at work, 12 under legal hold, 130 interrupted",
    )
    parser.add_argument("--version", action="version", version=f"muniment {__version__}")
    parsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_add_ingest, _add_search, _add_views, _add_models, _add_evaluate, _add_index, _add_frontier):
        add(parsers)
    add_options(parsers, _command)
    review_commands.add_options(parsers, _command)
    keeping_commands.add_options(parsers, _command)
    telling_commands.add_options(parsers, _command)
    up_commands.add_options(parsers, _command)
    watch_commands.add_options(parsers, _command)
    return parser


def _command(parsers: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parsers.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else there")
    return parser


def _add_ingest(parsers: Any) -> None:
    parser = _command(parsers, "ingest", "take in PDF files and folders, and work them off")
    parser.add_argument("paths", metavar="PATH", nargs="+", type=Path, help="a file, or a folder with matter folders")
    parser.add_argument("--matter", help="matter of all of them; without it the folder tells")
    parser.add_argument("--retry", action="store_true", help="walk held and rejected documents down the road again")
    parser.set_defaults(command=commands.ingest)


def _add_search(parsers: Any) -> None:
    parser = _command(parsers, "search", "find pages by meaning, exact phrase (in double quotes) or reference number")
    parser.add_argument("query", metavar="QUERY", nargs="+")
    parser.add_argument("--matter", action="append", help="only this matter; repeatable")
    parser.add_argument(
        "--document", action="append", help="only this document (id or name); may be given several times"
    )
    parser.add_argument("--kind", help="only documents of this kind, e.g. lease")
    parser.add_argument("--party", help="only documents with this party")
    parser.add_argument("--law", help="only documents governed by this law, e.g. Delaware")
    parser.add_argument("--amount-from", type=float, metavar="SUM", help="only documents with an amount from this on")
    parser.add_argument("--amount-to", type=float, metavar="SUM", help="only documents with an amount up to this")
    parser.add_argument("--from", dest="dated_from", metavar="DATE", help="dated on or after, YYYY-MM-DD")
    parser.add_argument("--to", dest="dated_to", metavar="DATE", help="dated on or before, YYYY-MM-DD")
    parser.add_argument("--limit", type=_positive, default=10, help="pages to show (default 10)")
    parser.set_defaults(command=commands.search)


def _add_views(parsers: Any) -> None:
    show = _command(parsers, "show", "a document: its pages, its fields and the passages that prove them")
    show.add_argument("document", metavar="DOCUMENT", help="id, beginning of an id, or file name")
    show.set_defaults(command=commands.show)
    status = _command(parsers, "status", "what is here, what waits, what is held or rejected and why")
    status.set_defaults(command=commands.status)
    doctor = _command(parsers, "doctor", "what is installed, which models, and what would leave the machine")
    doctor.add_argument(
        "--frontier",
        action="store_true",
        help="ask the frontier model what it can do (costs a few cents)",
    )
    doctor.set_defaults(command=commands.doctor)


def _add_models(parsers: Any) -> None:
    models = parsers.add_parser("models", help="list local models, or pull one (the only command that downloads)")
    actions = models.add_subparsers(metavar="ACTION", required=True)
    listing = _command(actions, "list", "models that are bundled, pulled, or known by name")
    listing.set_defaults(command=commands.models_list)
    pull = _command(actions, "pull", "download a model at a fixed revision and record its hashes")
    pull.add_argument("name", metavar="MODEL", help="a known name or a hub repository (owner/name)")
    pull.add_argument("--revision", help="commit, tag or branch; resolved to a commit and held to")
    pull.set_defaults(command=commands.models_pull)


def _add_evaluate(parsers: Any) -> None:
    evaluate = parsers.add_parser("evaluate", help="measure against a golden set")
    actions = evaluate.add_subparsers(metavar="WHAT", required=True)
    for name, text, lines in (
        ("retrieval", "nDCG@10, recall@5 and recall@10 of page search, by JSON lines",
         '{"query","corpus_query"?,"document"?,"gold_pages"}'),
        ("extraction", "precision, recall, F1 and share verified of each field, by JSON lines",
         '{"document","matter"?,"fields": {FIELD: [{"value","page"?,"quote"?}]}}'),
        ("triage", "confusion table of routes, by JSON lines", '{"document","matter"?,"routes": {PAGE: ROUTE}}'),
        ("routing", "sweep the escalation thresholds: escalated share, field F1, cost, and the knee",
         "as for extraction"),
    ):  # fmt: skip
        parser = _command(actions, name, text)
        parser.add_argument("file", metavar="FILE", type=Path, help=f"lines {lines}")
        parser.set_defaults(command=getattr(evaluation, name))
        if name == "routing":
            parser.add_argument("--page-usd", type=_price, help="price of an escalated page; its default is printed")
    _add_compare(actions)


def _add_compare(actions: Any) -> None:
    parser = _command(actions, "compare", "ways of reading side by side: quality, cost, quality per dollar, the knee")
    parser.add_argument("file", metavar="FILE", type=Path, help="lines as for extraction")
    parser.add_argument(
        "ways",
        metavar="WAY",
        nargs="+",
        help="local; escalated: pages that need the frontier model; escalated@0.7: those that need it at another OCR "
        "confidence; all: every page; the last three also with a model, as all:MODEL",
    )
    parser.add_argument("--ask", action="store_true", help="ask about pages that have no answer yet, as far as allowed")
    parser.add_argument("--budget", type=_usd, metavar="USD", help="the most that --ask may spend")
    parser.set_defaults(command=evaluation.compare)


def _add_index(parsers: Any) -> None:
    index = parsers.add_parser("index", help="look after the search index")
    actions = index.add_subparsers(metavar="ACTION", required=True)
    rebuild = _command(actions, "rebuild", "make the index anew from the catalog, with the models now configured")
    rebuild.set_defaults(command=commands.index_rebuild)


def _add_frontier(parsers: Any) -> None:
    escalate = _command(parsers, "escalate", "have the pages that wait read by the frontier model, as far as allowed")
    escalate.add_argument("--matter", action="append", help="only this matter; repeatable")
    escalate.add_argument("--document", action="append", help="only this document (id or name); repeatable")
    escalate.add_argument("--budget", type=_usd, metavar="USD", help="the most this run may spend")
    escalate.add_argument("--again", action="store_true", help="ask again where this model gave no usable answer")
    escalate.add_argument("--batch", action="store_true", help="as a batch at half price; its results come hours later")
    escalate.add_argument(
        "--wait",
        type=_hours,
        nargs="?",
        const=25.0,
        default=0.0,
        metavar="HOURS",
        help="stay until the batches under way have ended, at most so long (default 25: a batch takes 24 at most)",
    )
    escalate.add_argument("--estimate", action="store_true", help="say what it would cost at most; nothing is sent")
    escalate.set_defaults(command=frontier.escalate)
    costs = _command(parsers, "costs", "what calls to frontier models cost")
    costs.add_argument("--by", choices=("day", "matter", "document", "model"), default="day")
    costs.add_argument("--since", type=_day, metavar="DATE", help="of calls on or after this day, YYYY-MM-DD")
    costs.add_argument("--until", type=_day, metavar="DATE", help="of calls on or before this day")
    costs.set_defaults(command=frontier.costs)
    matter = _command(
        parsers, "matter", "matter by matter: what may leave the machine, and how long documents are kept"
    )
    matter.add_argument("matter", metavar="MATTER", nargs="?")
    matter.add_argument("--frontier", choices=("never", "self-hosted", "cloud"), help="where its pages may go")
    matter.add_argument(
        "--retain", type=_days, metavar="DAYS", help="documents are deleted after so many days, or never"
    )
    hold = matter.add_mutually_exclusive_group()
    hold.add_argument("--hold", metavar="WHY", help="put it under legal hold: nothing of it is deleted")
    hold.add_argument("--release", action="store_true", help="end the legal hold")
    matter.set_defaults(command=keeping_commands.matter)


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except ArithmeticError:
        raise argparse.ArgumentTypeError("an amount in USD, as 2.50") from None
    if not amount.is_finite() or amount < 0:
        raise argparse.ArgumentTypeError("an amount in USD, as 2.50")
    return amount


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return hours


def _days(text: str) -> int:
    return 0 if text == "never" else _positive(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a day as YYYY-MM-DD") from None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _price(text: str) -> float:
    price = float(text)
    if not 0 <= price < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or more")
    return price
