"""What a run reports: every document as the run leaves it, with its pages, and the seconds spent by stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.frontier.waits import Waits
from pipeline.page_images import is_put_off
from pipeline.types import Document, DocumentStatus, PageOutcome, PageStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["DocumentReport", "RunReport", "report_on"]


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """A document as the run leaves it; `new` is False when these bytes were in this matter before. `put_off` counts its
    pages whose image waits for the night."""

    document: Document
    pages: tuple[PageOutcome, ...]
    new: bool = True
    put_off: int = 0

    def as_json(self) -> dict[str, object]:
        """The document's object in the report."""
        pages = [
            {"page": p.number, "route": p.route, "reasons": list(p.reasons), "status": p.status} for p in self.pages
        ]
        return {
            "name": self.document.name,
            "id": self.document.id,
            "matter": self.document.matter,
            "status": self.document.status,
            "reason": self.document.reason,
            "new": self.new,
            "pages": pages,
        }


@dataclass(frozen=True, slots=True)
class RunReport:
    """Every document of a run, in the order given, and the seconds spent by stage."""

    documents: tuple[DocumentReport, ...]
    seconds: dict[str, float]

    @property
    def totals(self) -> dict[str, int]:
        """Counts of documents and pages by how they ended."""
        counts = {"documents": len(self.documents), "new": sum(d.new for d in self.documents)}
        counts |= {f"documents {s}": self._documents(s) for s in DocumentStatus if self._documents(s)}
        pages = [page for document in self.documents for page in document.pages]
        counts["pages"] = len(pages)
        counts |= {f"pages {s}": n for s in PageStatus if (n := sum(p.status == s for p in pages))}
        if put_off := sum(document.put_off for document in self.documents):
            counts["page images put off to the night"] = put_off
        return counts

    @property
    def refused(self) -> int:
        """Documents that a person has to look at: rejected, held, or left unfinished."""
        settled = (DocumentStatus.DONE, DocumentStatus.AWAITING)
        return sum(d.document.status not in settled for d in self.documents)

    def as_json(self) -> dict[str, object]:
        """The report as `muniment ingest --json` prints it."""
        return {
            "documents": [document.as_json() for document in self.documents],
            "totals": self.totals,
            "seconds": self.seconds,
        }

    def _documents(self, status: DocumentStatus) -> int:
        return sum(d.document.status == status for d in self.documents)


def report_on(document_id: str, tools: Tools, new: bool = False, name: str = "") -> DocumentReport:
    """A document as the catalog knows it now, under the name it came under if one is given; pages that wait say what
    they wait for now."""
    document = tools.catalog.document(document_id)
    document = replace(document, name=name or document.name)
    pages = Waits(tools).shown(document, tools.catalog.pages(document_id))
    put_off = sum(is_put_off(page.route, tools.settings) for page in pages) if new else 0
    return DocumentReport(document, pages, new, put_off)
