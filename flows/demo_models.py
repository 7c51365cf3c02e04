"""What the bundled page models make of the demo's scans: triage's questions answered, and pages found by their image.

In the demo's own run the triage VLM is shown the pages that read badly, to say which way is up; the page retriever is
not asked, because it is not the default. Their cards in `pipeline/bundled/` say what was measured, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.kept import pages_of
from pipeline.report import clip, table
from pipeline.types import PageOutcome, Route
from pipeline.wiring import Tools, open_tools

if TYPE_CHECKING:
    from pipeline.backends.protocols import PageInput
    from pipeline.evaluate.ranking import Golden

__all__ = ["show"]

LOOKED_AT = 24  # pages: about 20 seconds of two cores
TOLD = 6  # of them, with the VLM's answers
HITS = 3


class _Scan(NamedTuple):
    name: str
    page: PageInput


def show(questions: Sequence[Golden], tools: Tools) -> None:
    """Print both for the demo's hard pages, which are what a picture is looked at for."""
    scans = _scans(tools)[:LOOKED_AT]
    models = {"triage_model": "muniment-triage", "page_model": "muniment-page"}
    with open_tools(tools.settings.model_copy(update=models)) as looking:
        tools.store.bring(scan.page.image.sha256 for scan in scans)
        _print_answers(scans[:TOLD], looking)
        _print_hits([one for one in questions if _answers(one, scans)], scans, looking)


def _scans(tools: Tools) -> list[_Scan]:
    found = []
    for document in tools.catalog.documents():
        outcomes = {outcome.number: outcome for outcome in tools.catalog.pages(document.id)}
        pages = [page for page in pages_of(tools, document) if _is_hard(outcomes.get(page.image.number))]
        found += [_Scan(document.name, page) for page in pages]
    return found


def _is_hard(outcome: PageOutcome | None) -> bool:
    return outcome is not None and outcome.route in (Route.LOCAL, Route.FRONTIER)


def _print_answers(scans: Sequence[_Scan], tools: Tools) -> None:
    assert tools.classifier is not None
    verdicts = tools.classifier.classify([scan.page for scan in scans])
    model = tools.identities["triage"]
    print(f"\nThe bundled triage VLM ({model}) on what it is heard on; a run shows it the pages that read badly")
    rows = []
    for scan, verdict in zip(scans, verdicts, strict=True):
        answers = (f"{name} {answer.label} {answer.probability:.2f}" for name, answer in verdict.answers.items())
        rows.append((clip(scan.name, 34), f"page {scan.page.image.number}", "  ".join(answers)))
    print(table(rows))


def _print_hits(questions: Sequence[Golden], scans: Sequence[_Scan], tools: Tools) -> None:
    embedder = tools.page_embedder
    assert embedder is not None
    pages = embedder.embed_pages([scan.page.image_path for scan in scans])
    model = tools.identities["page"]
    print(f"\nPages found by their image alone ({model}) among {len(scans)} scans; not asked by default")
    for question in questions[:HITS]:
        asked = embedder.embed_query(question.corpus_query)
        scores = [float((asked @ rows.T).max(axis=1).sum()) for rows in pages]  # MaxSim
        ranked = sorted(zip(scores, scans, strict=True), key=lambda pair: -pair[0])
        rank = next(n for n, (_, scan) in enumerate(ranked, 1) if _is_answer(question, scan))
        hits = "; ".join(f"{clip(s.name, 34)}, page {s.page.image.number} ({score:.2f})" for score, s in ranked[:HITS])
        print(f"  {clip(question.corpus_query, 100)}\n    {hits}")
        print(f"    The page the ground truth names came at rank {rank}.")


def _answers(question: Golden, scans: Sequence[_Scan]) -> bool:
    return any(_is_answer(question, scan) for scan in scans)


def _is_answer(question: Golden, scan: _Scan) -> bool:
    return scan.name == question.document and scan.page.image.number in question.gold_pages
