"""The extraction stage: extractors chosen by each page's route, every finding grounded, one record a document.

    extract ─► ground ─► merge ─► review
    findings   quotes    record    pages that need a better reader, with reasons

The first extractor reads words (rules) and sees every page that is not blank, also one that waits for the
frontier model: what OCR saw of it is worth having meanwhile. Those after it look at the image (the generative
local VLM) and see the pages whose route is `local`.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.backends.protocols import Extractor, PageInput
from pipeline.findings import findings_from_page
from pipeline.ground import ground
from pipeline.merge import merge
from pipeline.review import review
from pipeline.types import Finding, Route, Triage

__all__ = ["extract", "findings_from_page", "local_note", "merge", "review"]

NO_LOCAL_MODEL = "no generative local model is installed: read by rules only"


def extract(
    pages: Sequence[PageInput], triages: Sequence[Triage], extractors: Sequence[Extractor]
) -> dict[int, list[Finding]]:
    """The grounded findings of each page, by page number; a blank page has none.

    `pages` are all pages of one document in order, `triages` theirs.
    """
    routes = {triage.number: triage.route for triage in triages}
    found: dict[int, list[Finding]] = {page.text.number: [] for page in pages}
    for index, extractor in enumerate(extractors):
        wanted = [page for page in pages if _reads(index, routes.get(page.text.number, Route.LOCAL))]
        results = extractor.extract(wanted) if wanted else []
        for page, findings in zip(wanted, results, strict=True):
            found[page.text.number] += ground(findings, page.text)
    return found


def _reads(index: int, route: Route) -> bool:
    """Whether the extractor at this place of the list looks at a page of this route."""
    return route is Route.LOCAL if index else route is not Route.BLANK


def local_note(extractors: Sequence[Extractor]) -> str:
    """What the reasons of a `local` page should add: "" when a generative model reads it too."""
    return "" if len(extractors) > 1 else NO_LOCAL_MODEL
