"""`muniment watch`, for the command line, a service manager, and whoever starts it in another process."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import emit
from pipeline.errors import MunimentError

if TYPE_CHECKING:
    from types import FrameType

    from pipeline.inbox.watch import Watcher
    from pipeline.wiring import Tools

__all__ = ["add_options", "separators", "watch"]


def add_options(parsers: Any, command: Callable[[Any, str, str], argparse.ArgumentParser]) -> None:
    """Put the commands into the command line; `command` makes a parser for one."""
    parser = command(parsers, "watch", "take in what is dropped into the inbox, until stopped")
    parser.add_argument("--once", action="store_true", help="end when nothing there can be taken any more")
    parser.add_argument("--work", action="store_true", help="also work off what was taken, in this process")
    parser.set_defaults(command=watch)
    parser = command(
        parsers, "separators", "write a sheet to print and put between documents that are scanned in one go"
    )
    parser.add_argument("file", metavar="FILE.pdf", type=Path)
    parser.add_argument("--matter", default="", help="name it on the sheet, which is then refused in any other")
    parser.set_defaults(command=separators)


def watch(arguments: argparse.Namespace) -> int:
    """Watch until Ctrl-C or SIGTERM; the second one does not wait for the file that is being taken in."""
    from pipeline.inbox.watch import Watcher
    from pipeline.telling.lookout import looking
    from pipeline.wiring import open_tools

    def say(line: str) -> None:
        print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)

    with open_tools() as tools, looking(tools):
        worker = _Worker(tools, say) if arguments.work else None
        watcher = Watcher(tools, on_taken=lambda documents: worker.ring() if worker else None, say=say)
        with _ended_by_signals(watcher):
            say(f"watching {tools.settings.inbox_dir}")
            watcher.run(once=arguments.once)
            if worker and not watcher.stopped:
                worker.finish()
        emit(arguments, lambda: watcher.counts, lambda: ", ".join(f"{n} {what}" for what, n in watcher.counts.items()))
    return 0


def separators(arguments: argparse.Namespace) -> int:
    """Write the sheet."""
    from pipeline.inbox.separators import print_sheets

    print_sheets(arguments.file, arguments.matter)
    emit(arguments, lambda: {"file": str(arguments.file)}, lambda: f"{arguments.file}: print it as often as needed")
    return 0


class _Worker:
    """Works off what was taken, beside the watcher, in a thread of its own."""

    def __init__(self, tools: Tools, say: Callable[[str], None]) -> None:
        self._tools, self._say = tools, say
        self._bell = threading.Event()
        self._last = False
        self._thread = threading.Thread(target=self._work, name="work", daemon=True)
        self._bell.set()  # what was taken before and not worked off
        self._thread.start()

    def ring(self) -> None:
        """There is something to do."""
        self._bell.set()

    def finish(self) -> None:
        """Wait until all is done."""
        self._last = True
        self.ring()
        self._thread.join()

    def _work(self) -> None:
        from pipeline.run import work_off

        while not self._last or self._bell.is_set():
            self._bell.wait()
            self._bell.clear()
            try:
                work_off(self._tools)
            except MunimentError as error:  # what is left stays `received`; the next drop has it tried again
                self._say(f"not worked off: {error}")


@contextmanager
def _ended_by_signals(watcher: Watcher) -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        if watcher.stopped:
            raise KeyboardInterrupt
        watcher.stop()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
