"""A home to spoil, a copy of one that took long to fill; and what was written in its files, which are mostly holes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["copy_home", "written"]


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home whose index nobody holds. Its files are mostly holes: copied byte by byte they are 300 MB."""
    subprocess.run(["cp", "-R", "--sparse=always", str(source), str(target)], check=True)
    for left in ("owner.json", "owner.lock", "start.lock"):
        (target / "index" / left).unlink(missing_ok=True)
    return target


def written(path: Path) -> bytes:
    """The file's bytes but its holes, which are zeros and hold no word: 1 MB of the 300 of a small home."""
    parts, at, size = [], 0, path.stat().st_size
    with path.open("rb") as file:
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # nothing but a hole is left
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            parts.append(os.pread(file.fileno(), at - start, start))
    return b"".join(parts)
