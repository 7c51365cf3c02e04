"""Files in the home that no one will come back for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.reconcile.faults import Fault, Look, settled
from pipeline.store import LEFTOVER_SECONDS
from pipeline.thumbnails import forget, thumbnails

__all__ = ["check_leftovers"]

PATTERNS = ("store/.new-*", ".export-*", "catalog.sqlite*.part", "thumbnails/??/tmp*", "index/.owner-*")
"""What writers call a file until it is whole, and rename then."""


def check_leftovers(look: Look) -> Iterator[Fault]:
    """Temporary files older than a day, and thumbnails whose page image is gone."""
    root, oldest = look.tools.settings.root, look.now - LEFTOVER_SECONDS
    old = [path for pattern in PATTERNS for path in root.glob(pattern) if _modified(path) < oldest]
    if old:
        for path in old if look.repair else ():
            path.unlink(missing_ok=True)
        yield Fault("leftover", len(old), len(old) if look.repair else 0, ())
    folder = root / "thumbnails"
    gone = [image for image in thumbnails(folder) if image not in look.tools.store]
    yield from settled(look, "thumbnail-unnamed", gone, lambda image: forget(folder, [image]))


def _modified(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return float("inf")
