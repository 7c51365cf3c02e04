"""What of the file system a worker may see: a rule of the kernel's (Landlock, Linux 5.19 and newer) over itself.

Nothing may be run. Reading is allowed below `readable`, writing below `writable` too; all else, the rest of the home
and the user's own files, can't be opened. Newer kernels add: no TCP (6.7), no devices (6.10), no signal to and no
abstract socket of a process outside (6.12).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

__all__ = ["ENOUGH", "restrict", "version"]

ENOUGH = 2  # without the right to rename between folders (of version 2) nothing can be put into the store
CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same numbers on every architecture

# linux/landlock.h
WRITE_FILE, READ_FILE, READ_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG = 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 7, 1 << 8
REFER, TRUNCATE = 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
OF_FILES = READ_FILE | WRITE_FILE | TRUNCATE  # what a rule over a file, not a folder, may hold
RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version: how many rights over files it knows
TCP, SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals


def version() -> int:
    """Of Landlock in this kernel; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    found: int = ctypes.CDLL(None).syscall(CREATE, None, 0, 1)
    return max(found, 0)


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """From now on this thread and all that it starts reach these alone. `OSError` where the kernel refuses.

    Folders that are not there are left out. `PR_SET_NO_NEW_PRIVS` must have been set.
    """
    known = version()
    if known < ENOUGH:
        raise OSError(0, "the kernel has no Landlock, or an old one")
    handled = (1 << RIGHTS.get(known, 16)) - 1
    rules = _rule_set(known, handled)
    try:
        for folder in readable:
            _allow(rules, folder, READ & handled)
        for folder in writable:
            _allow(rules, folder, WRITE & handled)
        _call(RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _rule_set(known: int, handled: int) -> int:
    words = [handled] + [TCP] * (known >= 4) + [SCOPES] * (known >= 6)
    attributes = struct.pack(f"={len(words)}Q", *words)
    return _call(CREATE, attributes, len(attributes), 0)


def _allow(rules: int, place: Path, rights: int) -> None:
    try:
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not place.is_dir():
            rights &= OF_FILES
        _call(ADD_RULE, rules, 1, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    typed = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    answer: int = libc.syscall(ctypes.c_long(number), *typed)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "the kernel refuses a rule over files")
    return answer
