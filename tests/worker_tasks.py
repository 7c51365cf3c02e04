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
