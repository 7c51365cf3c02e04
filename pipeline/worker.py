"""The inside of a worker process: confined first, then one task after the other until the parent hangs up.

Started by `pipeline.workers`, one fresh interpreter a worker. Nothing heavy is imported here: a worker
loads PyMuPDF or Tesseract when its first task names a function that needs them.
"""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from pipeline.confinement import Confinement, confine, outlaw
from pipeline.errors import DiskFull, DocumentHeld, MunimentError

__all__ = ["serve", "timed", "translated", "without_words"]

T = TypeVar("T")
J = TypeVar("J")


def serve(handle: int, parent: int, confinement: str) -> None:
    """A worker's life: be confined (`Confinement.to_json`), then answer tasks until the parent hangs up."""
    outlaw(parent)
    confine(Confinement.from_json(confinement))
    connection = Connection(handle)
    connection.send(("ready", None))
    while True:
        try:
            payload = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_answer(payload))


def timed(call: tuple[Callable[[J], T], J]) -> tuple[T, float]:
    """Runs in a worker: the function's result for the item, and the seconds it took. It stands here, because a worker
    imports the module of what it is given."""
    function, job = call
    start = time.perf_counter()
    return function(job), time.perf_counter() - start


def _answer(payload: bytes) -> bytes:
    try:
        function, item = pickle.loads(payload)
        return pickle.dumps(("done", function(item)))
    except Exception as error:
        if _is_memory(error):
            return pickle.dumps(("memory", None))
        return pickle.dumps(("done", error if isinstance(error, MunimentError) else translated(error)))


def _is_memory(error: BaseException | None) -> bool:
    """MuPDF reports a failed allocation as an exception of its own, under others that it caused."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        if type(error).__name__ == "FzErrorSystem" and "alloc" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def without_words() -> Iterator[None]:
    """What the program itself fails with inside comes out `translated`: its text may quote a document, and whoever
    catches it may write it into a log or send it to a server. Also a decorator."""
    try:
        yield
    except MunimentError:
        raise
    except Exception as error:
        raise translated(error) from None


def translated(error: Exception) -> MunimentError:
    """A fault of the program itself, met on a document: by its type and place, without its text. A full disk is neither
    the program's fault nor the document's: `DiskFull`, which ends the run."""
    if isinstance(error, OSError) and error.errno in DiskFull.ERRNOS:
        return DiskFull(f"no room for temporary files: {os.strerror(error.errno)}")
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if os.sep + "pipeline" + os.sep in code.co_filename:
            place = f" at {Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return DocumentHeld(f"can't be read: the program failed on it ({type(error).__name__}{place})")
