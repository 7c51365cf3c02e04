"""How many pages of a document ended how and why, kept beside its pages so that sums over all documents are quick."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from pipeline.frontier.ledger import matter_key
from pipeline.names import one_line
from pipeline.tables import documents, tallies
from pipeline.types import PageOutcome

__all__ = ["folded", "replace_tallies", "tally"]

_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")


def folded(reason: str) -> str:
    """The reason on one line without its numbers, so that reasons that differ in a figure only are one."""
    return one_line(_NUMBERS.sub("#", reason))


def tally(outcomes: Sequence[PageOutcome]) -> Counter[tuple[str, str]]:
    """Pages by (status, "") and by (status, folded reason); a page counts once under each of its reasons."""
    counted: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        counted.update((str(outcome.status), reason) for reason in {"", *map(folded, outcome.reasons)})
    return counted


def replace_tallies(connection: Connection, id: str, outcomes: Sequence[PageOutcome]) -> None:
    """The document's pages are counted like this from now on."""
    connection.execute(delete(tallies).where(tallies.c.document == id))
    matter = connection.execute(select(documents.c.matter).where(documents.c.id == id)).scalar_one()
    rows = [
        {
            "document": id,
            "position": position,
            "matter": matter_key(matter),
            "status": status,
            "reason": reason,
            "pages": count,
        }
        for position, ((status, reason), count) in enumerate(sorted(tally(outcomes).items()))
    ]
    if rows:
        connection.execute(insert(tallies), rows)
