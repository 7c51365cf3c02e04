"""Run a command that ends when whoever started it ends: `python -m flows.child PARENT SIGNAL COMMAND…`.

Between fork and exec nothing of Python may run safely, so the kernel is asked by a small process that then becomes the
command: the request holds over exec.
"""

from __future__ import annotations

import os
import sys

from pipeline.processes import end_with

__all__ = ["command", "main"]


def command(signal: int, *arguments: str) -> list[str]:
    """The command line of `python -m ARGUMENTS…` as a child of this process that gets `signal` when we end. -P:
    whatever lies in the current folder is not imported."""
    python = [sys.executable, "-P", "-m"]
    return [*python, "flows.child", str(os.getpid()), str(signal), *python, *arguments]


def main() -> None:
    """Become the command."""
    parent, signal, *arguments = sys.argv[1:]
    if end_with(int(parent), int(signal)):
        os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main()
