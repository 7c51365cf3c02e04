"""One reconciliation: every check in its order, read-only unless repairs are asked for.

Nothing is held up by it: each look is a short transaction, and what a document under work seems to lack is looked at
again before it is called a fault. It reads rows, folder entries and counts; only `deep` reads bytes.
"""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING

from pipeline.reconcile.blobs import check_blobs
from pipeline.reconcile.books import check_books, check_deletions, check_results
from pipeline.reconcile.documents import check_documents, check_index
from pipeline.reconcile.faults import KINDS, Fault, Look, Reconciliation
from pipeline.reconcile.leftovers import check_leftovers
from pipeline.report import table

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["reconcile", "reconciliation_text"]

CHECKS = (check_deletions, check_blobs, check_documents, check_index, check_results, check_books, check_leftovers)
SHOWN = 5


def reconcile(tools: Tools, *, repair: bool = False, deep: bool = False) -> Reconciliation:
    """Compare catalog, store and index; with `repair` mend what can be mended, with `deep` read every blob.

    A document whose original is lost is held with that reason; no fault of one document hides another's.
    """
    started = time.perf_counter()
    look = Look(tools, repair, deep, time.time())
    found: list[Fault] = list(chain.from_iterable(check(look) for check in CHECKS))
    found.sort(key=lambda fault: list(KINDS).index(fault.kind))
    return Reconciliation(tuple(found), repair, deep, time.perf_counter() - started)


def reconciliation_text(found: Reconciliation) -> str:
    """What was found, for a person."""
    if not found.faults:
        return f"Catalog, store and index agree ({found.seconds:.1f} s)."
    rows = [_row(fault, found) for fault in found.faults]
    closing = "Nothing was changed: --repair mends what can be mended." if found.asks and not found.repair else ""
    return "\n".join(filter(None, [table(rows, indent=""), closing]))


def _row(fault: Fault, found: Reconciliation) -> tuple[str, ...]:
    kind = KINDS[fault.kind]
    names = ", ".join(fault.named[:SHOWN]) + (", …" if len(fault.named) > SHOWN else "")
    done = f"{fault.repaired} {kind.remedy}" if kind.needs == "repair" and found.repair else kind.remedy
    mark = "!" if fault.asks else " "
    return mark, str(fault.count), kind.what, f"--repair: {done}" if _later(fault, found) else done, names


def _later(fault: Fault, found: Reconciliation) -> bool:
    return KINDS[fault.kind].needs == "repair" and not found.repair
