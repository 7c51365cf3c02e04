"""The inside of a worker process: limits first, then one task after the other until the parent hangs up.

Started by `pipeline.workers`, one fresh interpreter a worker. Nothing heavy is imported here: a worker
loads PyMuPDF or Tesseract when its first task names a function that needs them.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.errors import DocumentHeld, MunimentError
from pipeline.processes import end_with

__all__ = ["serve", "translated"]


def serve(handle: int, memory_mb: int, parent: int) -> None:
    """A worker's life: set the limits, then answer tasks until the parent hangs up."""
    _confine(memory_mb, parent)
    connection = Connection(handle)
    connection.send(("ready", None))
    while True:
        try:
            payload = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_answer(payload))


def _confine(memory_mb: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not end_with(parent, signal.SIGKILL):
        os._exit(1)  # it was gone before the kernel was asked
    limit = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


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


def translated(error: Exception) -> MunimentError:
    """A fault of the program itself, met on a document: by its type and place, without its text."""
    place, trace = "", error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if os.sep + "pipeline" + os.sep in code.co_filename:
            place = f" at {Path(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return DocumentHeld(f"can't be read: the program failed on it ({type(error).__name__}{place})")
