"""What the bundled page models make of the demo's scans: triage's questions answered, and pages found by their image.

In the demo's own run the triage VLM is shown the pages that read badly, to say which way is up, and their images are
embedded by the page retriever; a search asks for words and images together, here for images alone. Their cards in
`pipeline/bundled/` say what was measured, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.backends.protocols import PageQuery
from pipeline.kept import pages_of
from pipeline.report import clip, table
from pipeline.types import PageOutcome, Route, SearchFilter

if TYPE_CHECKING:
    from pipeline.backends.protocols import PageInput
    from pipeline.evaluate.ranking import Golden
    from pipeline.wiring import Tools

__all__ = ["show"]

TOLD = 6  # pages, with the VLM's answers
HITS = 3


class _Scan(NamedTuple):
    name: str
    page: PageInput


def show(questions: Sequence[Golden], tools: Tools) -> None:
    """Print both for the demo's hard pages, which are what a picture is looked at for."""
    scans = _scans(tools)
    tools.store.bring(scan.page.image.sha256 for scan in scans[:TOLD])
    _print_answers(scans[:TOLD], tools)
    if tools.page_embedder is not None:
        _print_hits([one for one in questions if _answers(one, scans)], tools)


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
    if tools.classifier is None:
        return
    verdicts = tools.classifier.classify([scan.page for scan in scans])
    model = tools.identities["triage"]
    print(f"\nThe bundled triage VLM ({model}) on what it is heard on; a run shows it the pages that read badly")
    rows = []
    for scan, verdict in zip(scans, verdicts, strict=True):
        answers = (f"{name} {answer.label} {answer.probability:.2f}" for name, answer in verdict.answers.items())
        rows.append((clip(scan.name, 34), f"page {scan.page.image.number}", "  ".join(answers)))
    print(table(rows))


def _print_hits(questions: Sequence[Golden], tools: Tools) -> None:
    embedder = tools.page_embedder
    assert embedder is not None
    names = {document.id: document.name for document in tools.catalog.documents()}
    pages = tools.index.count() - sum(map(len, tools.index.without_images().values()))
    print(f"\nFound by their image alone ({embedder.name}), of {pages} pages whose image is in the index by now")
    for question in questions[:HITS]:
        asked = PageQuery(image=embedder.embed_query(question.corpus_query))
        found = [(names[hit.document], hit.page) for hit in tools.index.search(asked, SearchFilter(), pages)]
        right = [name == question.document and page in question.gold_pages for name, page in found]
        print(f"  {clip(question.corpus_query, 100)}")
        print(f"    {'; '.join(f'{clip(name, 34)}, page {page}' for name, page in found[:HITS])}")
        rank = f"at rank {right.index(True) + 1}" if any(right) else "not at all"
        print(f"    The page the ground truth names came {rank}.")


def _answers(question: Golden, scans: Sequence[_Scan]) -> bool:
    return any(_is_answer(question, scan) for scan in scans)


def _is_answer(question: Golden, scan: _Scan) -> bool:
    return scan.name == question.document and scan.page.image.number in question.gold_pages
