"""The kinds of faults that can stand between catalog, store and index, and what a reconciliation found of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.errors import MunimentError

if TYPE_CHECKING:
    from pipeline.wiring import Tools

__all__ = ["KINDS", "LISTED", "Fault", "Kind", "Look", "Reconciliation", "settled"]

LISTED = 1000  # ids named of one kind

Needs = Literal["person", "repair", "nothing"]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is wrong, what becomes of it under --repair or by whom, and whether that leaves something to do."""

    what: str
    remedy: str
    needs: Needs = "repair"


KINDS = {
    "index-unreadable": Kind(
        "the index can't be asked", "see `muniment doctor`, then `muniment index rebuild`", "person"
    ),
    "deletion-unfinished": Kind("deletions that did not come to their end", "finished"),
    "blob-damaged": Kind("blobs whose bytes are not those they are named after", "set aside"),
    "original-lost": Kind(
        "originals that are not in the store", "held: drop the file again, restore it, or delete the document", "person"
    ),
    "origin-lost": Kind(
        "pictures and batches, as they were dropped, that are not in the store",
        "restore them; the documents made of them are whole",
        "person",
    ),
    "original-back": Kind("documents held because their original was lost, and it is there again", "received"),
    "image-lost": Kind("page images that are not in the store", "made anew"),
    "blob-aside": Kind("blobs that a killed deletion left aside", "put back, or deleted"),
    "blob-unnamed": Kind("blobs that no document names", "deleted"),
    "thumbnail-unnamed": Kind("thumbnails of page images that are gone", "deleted"),
    "leftover": Kind("files that killed writers left behind", "deleted"),
    "pages-incomplete": Kind("documents whose pages are not all in the catalog", "worked off again"),
    "not-indexed": Kind("documents that were read and not indexed", "indexed"),
    "points-missing": Kind("documents with fewer points in the index than pages that show something", "indexed anew"),
    "points-misplaced": Kind("documents with points under another matter than the catalog's", "indexed anew"),
    "points-unknown": Kind("documents in the index that are not in the catalog", "deleted from the index"),
    "points-stray": Kind("points that belong to no document", "`muniment index rebuild` drops them", "person"),
    "results-unnamed": Kind("contents with stage results that no document has", "deleted"),
    "results-old": Kind("contents with stage results of earlier settings, done under the present ones", "deleted"),
    "run-unended": Kind("runs whose process is gone and whose end was never written down", "ended as interrupted"),
    "books-open": Kind("runs that asked a frontier model and left calls open", "closed: open calls count as lost"),
    "batch-late": Kind("batches that should have ended days ago", "`muniment escalate` fetches them", "person"),
    "unworked": Kind("documents received and not worked off yet", "the next run works them off", "nothing"),
    "outdated": Kind(
        "documents worked off under other settings or models than the present", "the next run walks them", "nothing"
    ),
}
"""In the order in which they are looked for and told."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind as it was found: how often, of how many it was repaired, and the ids concerned (of documents; of the
    run, batch or blob where none is), the first `LISTED` of them."""

    kind: str
    count: int
    repaired: int
    named: tuple[str, ...]

    @property
    def asks(self) -> bool:
        """Whether something is left that does not mend itself."""
        needs = KINDS[self.kind].needs
        return needs == "person" or (needs == "repair" and self.repaired < self.count)

    def as_json(self) -> dict[str, object]:
        """The fault's object in `muniment reconcile --json`."""
        kind = KINDS[self.kind]
        counts = {"count": self.count, "repaired": self.repaired, "asks": self.asks}
        return {"kind": self.kind, "what": kind.what, "remedy": kind.remedy, **counts, "named": list(self.named)}


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was found, in the order of `KINDS`, and the seconds it took; nothing was changed unless `repair`."""

    faults: tuple[Fault, ...]
    repair: bool
    deep: bool
    seconds: float

    @property
    def asks(self) -> bool:
        """Whether a person, or a reconciliation with `repair`, has something to do."""
        return any(fault.asks for fault in self.faults)

    def as_json(self) -> dict[str, object]:
        """As `muniment reconcile --json` prints it."""
        how = {"repair": self.repair, "deep": self.deep, "asks": self.asks, "seconds": round(self.seconds, 3)}
        return {"faults": [fault.as_json() for fault in self.faults], **how}


@dataclass(frozen=True, slots=True)
class Look:
    """One reconciliation under way; `now` is in seconds since 1970."""

    tools: Tools
    repair: bool
    deep: bool
    now: float


def settled(look: Look, kind: str, found: Sequence[Any], repair: Callable[[Any], object] | None = None) -> list[Fault]:
    """The fault, if there is any, after each of what was found was repaired, where that was asked for. A repair that
    fails, or answers False, leaves its item for the next time."""
    done = 0
    for item in found:
        if not (look.repair and repair):
            break
        try:
            done += repair(item) is not False
        except MunimentError:
            continue
    ids = tuple(dict.fromkeys(str(getattr(item, "id", item)) for item in found))
    return [Fault(kind, len(found), done, ids[:LISTED])] if found else []
