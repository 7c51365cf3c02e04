"""`muniment evaluate …`: a golden file, what the home holds of its documents, a score. Imported lazily.

Exit codes: 4 when documents of the golden file are not here, 3 when some are here and were not read, 9 when a budget
or the account ended the asking of `compare --ask` early.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from pipeline.console import emit
from pipeline.evaluate.lines import golden_lines

if TYPE_CHECKING:
    from pipeline.evaluate.compare import Comparison
    from pipeline.evaluate.goldenset import GoldenDocument, LookedUp
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.thresholds import Routing
    from pipeline.evaluate.walked import Walked
    from pipeline.evaluate.ways import Way
    from pipeline.settings import Settings
    from pipeline.wiring import Tools

__all__ = ["compare", "extraction", "retrieval", "routing", "triage"]

T = TypeVar("T")
S = TypeVar("S", bound="_Scores")

UNREAD_EXIT, MISSING_EXIT, STOPPED_EXIT = 3, 4, 9


class _Scores(Protocol):
    @property
    def missing(self) -> tuple[str, ...]: ...
    @property
    def unread(self) -> tuple[str, ...]: ...
    def as_json(self) -> dict[str, Any]: ...


def retrieval(arguments: argparse.Namespace) -> int:
    """Score page search."""
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.ranking import retrieval
    from pipeline.evaluate.text import ranking_text
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        scores = retrieval(golden_lines(arguments.file), Home(tools).find)
    emit(arguments, lambda: scores, lambda: ranking_text(scores))
    return 0


def extraction(arguments: argparse.Namespace) -> int:
    """Score the catalog's fields."""
    from pipeline.evaluate.fields import extraction
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.text import fields_text

    return _scored(arguments, "fields", Home.record, lambda found, _: extraction(found), fields_text)


def triage(arguments: argparse.Namespace) -> int:
    """Score the routes that triage chose."""
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.routes import triage
    from pipeline.evaluate.text import routes_text

    return _scored(arguments, "routes", Home.routes, lambda found, _: triage(found), routes_text)


def routing(arguments: argparse.Namespace) -> int:
    """Sweep the escalation thresholds over what is stored."""
    from pipeline.evaluate.home import Home
    from pipeline.evaluate.text import routing_text
    from pipeline.evaluate.thresholds import PAGE_USD, routing
    from pipeline.triage import policy_of

    price = PAGE_USD if arguments.page_usd is None else arguments.page_usd

    def sweep(found: LookedUp[Walked], settings: Settings) -> Routing:
        return routing(found, policy_of(settings), settings.field_threshold, price)

    return _scored(arguments, "fields", Home.walked, sweep, routing_text)


def compare(arguments: argparse.Namespace) -> int:
    """Set ways of reading the documents beside each other; with `--ask`, what they lack is asked for first."""
    from pipeline.evaluate.ask import ask, priced
    from pipeline.evaluate.goldenset import golden_documents
    from pipeline.evaluate.text import asking_text, comparison_text
    from pipeline.evaluate.ways import ways_of
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    settings = load_settings()
    if arguments.budget is not None:
        settings = settings.model_copy(update={"budget_run": arguments.budget})
    golden, ways = (
        golden_documents(golden_lines(arguments.file), "fields"),
        ways_of(arguments.ways, settings.frontier_model),
    )
    with open_tools(settings) as tools:
        found = _compared(tools, golden, ways)
        asked = ask(tools, found) if arguments.ask else None
        found = priced(tools, _compared(tools, golden, ways) if asked else found)
        text = (asking_text(asked, tools) if asked else "") + comparison_text(found)
    emit(arguments, lambda: found.as_json() | {"asked": asked and asdict(asked)}, lambda: text)
    return STOPPED_EXIT if asked and asked.stopped else _exit(found)


def _compared(tools: Tools, golden: Sequence[GoldenDocument], ways: Sequence[Way]) -> Comparison:
    from pipeline.evaluate.compare import compare
    from pipeline.evaluate.goldenset import look_up
    from pipeline.evaluate.home import Home
    from pipeline.triage import policy_of

    cases = look_up(golden, partial(Home(tools).case, models={way.model for way in ways if way.model}))
    return compare(cases, ways, policy_of(tools.settings), tools.settings.field_threshold)


def _scored(
    arguments: argparse.Namespace,
    about: Literal["fields", "routes"],
    look: Callable[[Home, GoldenDocument], T | None],
    score: Callable[[LookedUp[T], Settings], S],
    text: Callable[[S], str],
) -> int:
    """The shape they share: the golden documents, what the home holds of each, the score, printed; the exit code."""
    from pipeline.evaluate.goldenset import golden_documents, look_up
    from pipeline.evaluate.home import Home
    from pipeline.wiring import open_tools

    golden = golden_documents(golden_lines(arguments.file), about)
    with open_tools() as tools:
        scores = score(look_up(golden, partial(look, Home(tools))), tools.settings)
    emit(arguments, scores.as_json, lambda: text(scores))
    return _exit(scores)


def _exit(scores: _Scores) -> int:
    return MISSING_EXIT if scores.missing else UNREAD_EXIT if scores.unread else 0
