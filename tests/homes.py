"""A home to spoil: a copy of one that took long to fill."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["copy_home"]


def copy_home(source: Path, target: Path) -> Path:
    """Copy a home whose index nobody holds. Its files are mostly holes: copied byte by byte they are 300 MB."""
    subprocess.run(["cp", "-R", "--sparse=always", str(source), str(target)], check=True)
    for left in ("owner.json", "owner.lock", "start.lock"):
        (target / "index" / left).unlink(missing_ok=True)
    return target
