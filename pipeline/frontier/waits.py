"""Why a page still waits for the frontier model: told from what is true now, never kept.

A page's kept reasons say why it needs the model. Why it has not been read yet depends on settings, the matter's policy,
batches under way and the last run, all of which change without the page; so that is added when the page is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy import select

from pipeline.errors import NotAllowed
from pipeline.tables import documents, pages, runs
from pipeline.types import Document, PageOutcome, PageStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["NEEDS", "Waits"]

NEEDS = "needs the frontier model"
"""How the reason of a waiting page begins; kept with the page."""

NONE = "none is configured (MUNIMENT_FRONTIER_URL)"
BATCH = "a batch under way asks about it"
BUDGET = "not asked yet, the budget ended the last run: `muniment escalate` goes on"
NEXT = "not asked yet: `muniment escalate` does"


class Waits:
    """Why pages wait, as things stand when this is made; matters and batches are looked up once each."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._matters: dict[str, str] = {}

    def shown(self, document: Document, outcomes: Sequence[PageOutcome]) -> tuple[PageOutcome, ...]:
        """The pages of a document; those that wait say first what they wait for now."""
        return tuple(
            replace(page, reasons=(f"{NEEDS}: {self.of(document.id, document.matter, page.number)}", *_lasting(page)))
            if page.status is PageStatus.AWAITING
            else page
            for page in outcomes
        )

    def of(self, document: str, matter: str, page: int) -> str:
        """Why this waiting page has not been read by the frontier model."""
        if page in self._under_way.get(document, ()):
            return BATCH
        if matter not in self._matters:
            self._matters[matter] = self._of_matter(matter)
        return self._matters[matter]

    def counts(self, matters: Sequence[str] | None = None) -> dict[str, int]:
        """Waiting pages by reason, most first."""
        query = select(pages.c.document, pages.c.number, documents.c.matter).join(documents)
        query = query.where(pages.c.status == PageStatus.AWAITING)
        if matters is not None:
            query = query.where(documents.c.matter.in_(list(matters)))
        with self._tools.catalog.database.read() as connection:
            rows = connection.execute(query).all()
        counted = Counter(self.of(row.document, row.matter, row.number) for row in rows)
        return dict(counted.most_common())

    def _of_matter(self, matter: str) -> str:
        if not self._tools.settings.frontier_url:
            return NONE
        try:
            self._tools.policies.check(matter, self._tools.destination)
        except NotAllowed as refusal:
            return f"{refusal} (`muniment matter` sets it)"
        return BUDGET if self._last_run == "budget-stopped" else NEXT

    @cached_property
    def _under_way(self) -> Mapping[str, set[int]]:
        return self._tools.batches.under_way()

    @cached_property
    def _last_run(self) -> str:
        query = select(runs.c.status).where(runs.c.kind == "escalate").order_by(runs.c.id.desc()).limit(1)
        with self._tools.catalog.database.read() as connection:
            return connection.execute(query).scalar() or ""


def _lasting(page: PageOutcome) -> tuple[str, ...]:
    return tuple(reason for reason in page.reasons if not reason.startswith(NEEDS))
