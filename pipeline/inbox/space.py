"""Whether there is room to take anything in: below a bound nothing is taken, until there is clearly more again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

__all__ = ["PAUSED", "Space"]

PAUSED = "intake paused"  # key of the catalog: why nothing is taken in; "" while files are

MIB = 1 << 20
AGAIN = 1.1  # times the bound: else a file that is deleted and one that is taken open and close it by turns


def _free(folder: Path) -> int:
    """Free bytes for us under the folder, or where it will be made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


class Space:
    """The free space of some folders; `free` reads it, in bytes."""

    def __init__(self, folders: Sequence[Path], least_mb: int, free: Callable[[Path], int] = _free) -> None:
        self._folders = folders
        self._least_mb = least_mb
        self._free = free
        self._short = False

    def shortage(self) -> str:
        """Why nothing may be taken in now; "" while there is room."""
        left = min(self._free(folder) for folder in self._folders)
        self._short = left < self._least_mb * MIB * (AGAIN if self._short else 1)
        if not self._short:
            return ""
        return f"{left // MIB} MiB are free, less than the {self._least_mb} MiB of MUNIMENT_MIN_FREE_MB"
