"""The spine: the road of a document from its bytes to its record, one named call a stage.

Everything a stage learns is remembered in the catalog as soon as it is known (`memo.py`), so the road can be
cut anywhere and walked again: only what was in flight is repeated, and nothing is ever doubled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import stages
from pipeline.claims import claim
from pipeline.deaths import marked
from pipeline.errors import DocumentHeld, DocumentRejected
from pipeline.types import Document, DocumentStatus

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["ingest_document"]

REFUSED = (DocumentStatus.HELD, DocumentStatus.REJECTED)


def ingest_document(document: Document, tools: Tools, *, retry: bool = False, wait: bool = True) -> Document:
    """Walk one document down the road; what comes back is the document as the catalog now has it.

    A document that is done is left as it is unless a model, setting or stage changed since; one that was
    held or rejected stays so unless `retry` is set. Retryable errors (index unreachable) pass through and
    leave the document `received`, to be resumed. While another worker has the document, this one waits for its
    turn, or raises `AlreadyRunning` where it is not to `wait`.
    """
    seconds = tools.settings.lease_seconds
    with claim(tools.locks, tools.catalog.database, document.id, seconds=seconds, wait=wait) as held:
        document = tools.catalog.document(document.id)
        if document.status in REFUSED:
            if not (retry and document.sha256):
                return document
        elif stages.up_to_date(document, tools):
            return document
        try:
            with marked(document, tools.catalog, tools.locks):
                return _walk(stages.Work(document, tools, held))
        except (DocumentRejected, DocumentHeld) as refusal:
            return stages.refuse(document, refusal, tools, held)


def _walk(work: stages.Work) -> Document:
    info = stages.inspect(work)
    images = stages.render(work, info)
    texts = stages.read(work, images)
    images, texts = stages.turn(work, images, texts)
    pages = stages.readable(work, images, texts)
    triages = stages.triage(work, pages)
    findings = stages.extract(work, pages, triages)
    findings = stages.answered(work, pages, findings)
    contract = stages.merge(work, info, findings, triages)
    outcomes = stages.settle(work, images, texts, triages, contract)
    stages.index(work, pages, triages, contract)
    stages.compare(work, images, contract)
    return stages.finish(work, outcomes, contract, findings)
