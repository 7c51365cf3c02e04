"""What a worker process is kept from: it reads what anybody may have sent, with libraries written in C.

    limits      memory, CPU time, size of a file, open files, no core dump: of every Unix (resource.setrlimit)
    calls       no network, no other program, no other process: `seccomp.py`
    files       the program and the store, nothing else of the machine: `landlock.py`

What the kernel lacks is left out and named by `doctor`, unless MUNIMENT_CONFINEMENT=required: then nothing is read.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import site
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import landlock, seccomp
from pipeline.errors import MunimentError
from pipeline.processes import end_with
from pipeline.store import LEFTOVER_SECONDS, private_folder

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["Confinement", "confine", "lacking", "observed", "of_settings", "outlaw", "prepare"]

# What is read at a program's start or by a C library, wherever Python itself lies
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/dev/zero", "/dev/urandom", "/proc/cpuinfo",
          "/proc/meminfo", "/sys/devices/system/cpu")  # fmt: skip

SCRATCH = "scratch"  # folder of the home


@dataclass(frozen=True, slots=True)
class Confinement:
    """The limits of a worker: MiB of address space and of a file it writes, CPU seconds of its life, open files.

    `readable` and `writable` are the folders it may reach beside the program itself; None: no rule over files.
    `scratch` is where temporary files go, "" for where the machine puts them. With `required` a worker that can't be
    confined ends instead. Without `calls` no call is denied: that is there only to measure what the filter costs.
    """

    memory_mb: int
    file_mb: int = 1024
    cpu_seconds: int = 24 * 3600
    open_files: int = 256
    readable: tuple[str, ...] | None = None
    writable: tuple[str, ...] = ()
    scratch: str = ""
    required: bool = False
    calls: bool = True

    def to_json(self) -> str:
        """For a worker's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Confinement:
        """The confinement that `to_json` wrote."""
        found = json.loads(text)
        reads = found["readable"]
        return cls(
            **found | {"readable": None if reads is None else tuple(reads), "writable": tuple(found["writable"])}
        )


def of_settings(settings: Settings) -> Confinement:
    """How the workers of this home are confined: they read the program and write into store and spool."""
    reads = [str(settings.tessdata)] if settings.tessdata else []
    return Confinement(
        memory_mb=settings.worker_memory_mb,
        file_mb=max(settings.max_file_mb, 256),  # a page's image may be larger than the smallest document
        cpu_seconds=round(settings.worker_tasks * settings.page_seconds) + 60,
        readable=tuple(reads),
        writable=(str(settings.store_dir), *(str(settings.root / name) for name in ("spool", SCRATCH))),
        scratch=str(settings.root / SCRATCH),
        required=settings.confinement == "required",
    )


def prepare(wanted: Confinement) -> None:
    """Make the folders of a rule over files, which can't name one that is not there; sweep what killed workers left."""
    for folder in map(Path, wanted.writable):
        private_folder(folder)
    if wanted.scratch:
        oldest = time.time() - LEFTOVER_SECONDS
        for left in Path(wanted.scratch).iterdir():
            with suppress(OSError):
                if left.lstat().st_mtime < oldest:
                    left.unlink()


def lacking() -> dict[str, str]:
    """What this machine can't confine workers from, by name, and why."""
    found = {}
    if not seccomp.available():
        found["calls"] = "network, other programs and processes are not denied: the kernel has no seccomp filter"
    if (known := landlock.version()) < landlock.ENOUGH:
        why = f"version {known} is too old" if known else "there is none, or it is switched off"
        found["files"] = f"files of this user outside the store can be read: Landlock in the kernel: {why}"
    return found


def observed(settings: Settings) -> dict[str, str]:
    """What workers were seen not to be kept from, by name: one is started and tries. Empty where all holds."""
    from pipeline.workers import WorkerPool

    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as private:
        wanted = replace(of_settings(settings), writable=(folder,), scratch=folder, required=False)
        with WorkerPool(1, tasks_per_worker=1, confinement=wanted) as pool:
            [(_, found)] = pool.run(_tried, [private.name], seconds=20)
    if isinstance(found, MunimentError):
        return {"workers": f"no worker starts: {found}"}
    known = lacking()
    return {name: known.get(name, "the kernel let it through") for name in found}


def _tried(private: str) -> list[str]:
    """Runs in a worker: which of its walls are not there."""
    import socket

    through = []
    with suppress(OSError):
        socket.socket().close()
        through.append("calls")
    with suppress(OSError):
        Path(private).open("rb").close()
        through.append("files")
    return through


def outlaw(parent: int) -> None:
    """Have the kernel end this process with the one that started it. Ctrl-C is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    if not end_with(parent, signal.SIGKILL):
        os._exit(1)  # it was gone before the kernel was asked


def confine(wanted: Confinement) -> tuple[str, ...]:
    """Confine this process for good; what could not be had comes back by name, or ends it where it is required."""
    missing = lacking()
    folders = _program()
    _limit(wanted)
    tempfile.tempdir = wanted.scratch or None
    try:
        if "files" not in missing and wanted.readable is not None:
            ctypes.CDLL(None).prctl(seccomp.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            landlock.restrict([*folders, *map(Path, wanted.readable)], map(Path, (*wanted.writable, "/dev/null")))
        if wanted.calls and "calls" not in missing:
            seccomp.restrict()
    except OSError as error:
        missing["kernel"] = str(error)
    if missing and wanted.required:
        os._exit(1)
    return tuple(missing)


def _program() -> list[Path]:
    """Where the program and its libraries lie. Not all of `sys.path`: that may be a folder somebody stood in."""
    specs = filter(None, map(find_spec, ("pipeline", "schemas")))
    own = [Path(folder) for spec in specs for folder in spec.submodule_search_locations or ()]
    installed = [sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()]
    installed += [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages", ".zip"))]
    linked = [folder for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    return [Path(place) for place in dict.fromkeys([*SYSTEM, *installed, *linked])] + own


def _limit(wanted: Confinement) -> None:
    """No bound on the number of processes: it would count every process of the user. The filter denies them."""
    bounds = {
        # Not 0: that holds for files, but the kernel still pipes a core, a page and all, to a collector like systemd's.
        # At 1 byte it does neither (fs/coredump.c). Being undumpable would also close /proc/self/fd to a worker.
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_AS: wanted.memory_mb << 20,
        resource.RLIMIT_FSIZE: wanted.file_mb << 20,
        resource.RLIMIT_NOFILE: wanted.open_files,
        resource.RLIMIT_CPU: wanted.cpu_seconds,
    }
    for kind, bound in bounds.items():
        _, hardest = resource.getrlimit(kind)
        most = bound if hardest == resource.RLIM_INFINITY else min(bound, hardest)
        resource.setrlimit(kind, (most, most))
