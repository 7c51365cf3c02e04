"""Functions for the workers of tests/test_workers.py: a worker must be able to import what it is to call."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from pipeline.errors import DocumentRejected


def square(number):
    return number * number


def pid(_item):
    return os.getpid()


def nap(seconds):
    time.sleep(seconds)
    return seconds


def hog(size):
    return len(bytearray(size))


def die(_item):
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(marker):
    path = Path(marker)
    if path.exists():
        return "survived"
    path.touch()
    return die(marker)


def reject(reason):
    raise DocumentRejected(reason)


def fill(text):
    Path("/dev/full").write_text(text)


def stumble(secret):
    raise ValueError(f"the page says {secret}")


def surroundings(_item):
    import resource

    return {
        "environment": dict(os.environ),
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "heavy": [name for name in ("torch", "transformers", "pymupdf", "numpy") if name in sys.modules],
        "main": getattr(sys.modules["__main__"], "__file__", None),
    }


def escape(way):
    """What a worker that was taken over would try; what the kernel says to it, or "done"."""
    try:
        ESCAPES[way]()
    except OSError as error:
        return error.strerror
    return "done"


def reach(path):
    """Read a file: what it says, or what the kernel says."""
    try:
        return Path(path).read_text()
    except OSError as error:
        return error.strerror


def keep(path):
    """Write a file where the worker may."""
    part = Path(path).with_name(".new-part")
    part.parent.mkdir(exist_ok=True)
    part.write_text("kept")
    part.replace(path)
    return Path(path).read_text()


def thread(_item):
    """A thread of its own, which a library may want."""
    import threading

    said = []
    started = threading.Thread(target=said.append, args=("alive",))
    started.start()
    started.join()
    return said[0]


def limits(_item):
    import resource

    kinds = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    return {kind: resource.getrlimit(getattr(resource, kind)) for kind in kinds}


def _system(number, *arguments):
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _connected(family, address):
    import socket

    with socket.socket(family) as door:
        door.connect(address)


def _forked():
    if os.fork() == 0:
        os._exit(0)


def _unbounded():
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
    except ValueError as error:  # how Python says EPERM of this call
        raise PermissionError(1, os.strerror(1)) from error


ESCAPES = {
    "internet": lambda: _connected(2, ("127.0.0.1", 9)),
    "internet 6": lambda: _connected(10, ("::1", 9)),
    "unix socket": lambda: _connected(1, "/run/nobody"),
    "netlink": lambda: _connected(16, (0, 0)),
    "packets": lambda: __import__("socket").socket(17, 3),
    "pair": lambda: __import__("socket").socketpair(),
    "program": lambda: os.execv("/bin/true", ["true"]),
    "child": _forked,
    "spawned": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "kill the parent": lambda: os.kill(os.getppid(), 0),
    "trace the parent": lambda: _system(101 if os.uname().machine == "x86_64" else 117, 16, os.getppid(), 0, 0),
    "more files": _unbounded,
    "memory as a file": lambda: os.memfd_create("x"),
    "other table of calls": lambda: _system(0x40000000 + 41, 2, 1, 0),
    "outlive the parent": lambda: _system(157 if os.uname().machine == "x86_64" else 167, 1, 0, 0, 0, 0),
}
