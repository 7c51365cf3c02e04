"""Processes across their lives: whether one still runs under its number, and ending with the one that started it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["alive", "birth", "end_with", "space"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def birth(pid: int) -> str:
    """What tells this process from a later one of the same number: boot and start time; "" where unknown."""
    try:
        # the name in parentheses may hold blanks and parentheses; starttime is field 22 (proc(5))
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{fields[19]}"
    except (OSError, IndexError):
        return ""


def alive(pid: int, born: str) -> bool:
    """Whether that very process still runs on this host."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is there, of another user
    now = birth(pid)
    return not born or not now or now == born


def space() -> str:
    """What tells the process numbers of this container from those of others on the same host; "" where unknown."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def end_with(parent: int, signal: int) -> bool:
    """Have the kernel send this process the signal when its parent ends, however it ends; False when that one is gone
    already. It holds over exec, not over fork. Linux only: elsewhere nothing is asked."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal)
    return os.getppid() == parent
