"""Worker processes for everything that touches a document's bytes.

PyMuPDF and Tesseract run in processes of their own: a hostile page may hang, crash or eat memory, and the
others must go on. `concurrent.futures` breaks the whole pool when one process dies and can't end one task,
so the pool is our own: one dispatcher thread owns all workers, document threads hand it their items and
take results as they come.

A task that outlives its seconds is killed with its worker (`WorkerTimeout`, not tried again). A worker that
dies has its task tried once more on a fresh worker, because the kernel's memory killer may have
picked an innocent one; the second death is `WorkerDied`. Hitting the worker's own memory limit is
`WorkerDied` at once: the same page would hit it again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from pipeline.confinement import Confinement
from pipeline.errors import MunimentError, Stopped, WorkerDied, WorkerTimeout

__all__ = ["PASSING", "WorkerPool"]

Item = TypeVar("Item")
Result = TypeVar("Result")

STOPPED = "stopped before it was done; the next run goes on here"
DIED, SLOW = "its worker process died", "took longer than"
PASSING = (DIED, SLOW)
"""How the reasons begin that may lie in a busy machine and not in the page."""
START_SECONDS = 60.0
DEATHS_ALLOWED = 1
# What a worker may know of the environment. A list of what is allowed, not of what is secret: a password
# also hides in a database URL.
ENVIRONMENT = ("HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZ")
ONE_THREAD = dict.fromkeys(("OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

# glibc gives every freed page image back to the kernel and has it zeroed anew for the next: half the CPU time of
# rendering a scan. A worker keeps up to 128 MiB for the next page instead; other C libraries ignore this.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(128 << 20)}


@dataclass(eq=False)
class _Task:
    item: Any
    payload: bytes
    run: _Run
    deaths: int = 0


@dataclass(eq=False)
class _Run:
    """One call of `run`: what is still to be given out, and where its results go."""

    seconds: float
    pending: deque[_Task] = field(default_factory=deque)
    results: queue.SimpleQueue[tuple[Any, Any]] = field(default_factory=queue.SimpleQueue)
    cancelled: bool = False


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    deadline: float
    ready: bool = False
    task: _Task | None = None
    done: int = 0

    @property
    def idle(self) -> bool:
        return self.ready and self.task is None

    def end(self) -> int:
        """Kill, reap and say how it ended (a negative number is a signal)."""
        self.connection.close()
        self.process.kill()
        return self.process.wait()


class WorkerPool:
    """`size` worker processes, each with `memory_mb` MiB of address space, or confined as said, and replaced after
    `tasks_per_worker` tasks. Workers start when there is work and die with this process, whatever ends it.
    Several threads may `run` at once; they share the workers turn by turn.
    """

    def __init__(
        self, size: int, *, tasks_per_worker: int, memory_mb: int = 2048, confinement: Confinement | None = None
    ) -> None:
        self.size = size
        self.confinement = confinement or Confinement(memory_mb)
        self.tasks_per_worker = tasks_per_worker
        self._inbox: queue.SimpleQueue[_Run | None] = queue.SimpleQueue()
        self._bell, self._doorstep = socket.socketpair()
        self._closed = False
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._runs: deque[_Run] = deque()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def run(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, seconds: float
    ) -> Iterator[tuple[Item, Result | MunimentError]]:
        """Call `function` (module-level, importable) on each item in a worker, at most `seconds` each.

        Yields (item, result or the `MunimentError` that took its place) as each completes. Errors of
        our tree come back as they were raised; any other exception becomes `DocumentHeld` with its type
        and place, never its message, which may quote the document. Leaving the loop early drops what
        has not started.
        """
        run = _Run(seconds)
        run.pending.extend(_Task(item, pickle.dumps((function, item)), run) for item in items)
        count = len(run.pending)
        self._submit(run)
        try:
            for _ in range(count):
                item, result = run.results.get()
                if isinstance(result, Stopped):
                    raise result
                yield item, result
        finally:
            run.cancelled = True

    def close(self) -> None:
        """End all workers. A `run` still under way raises `Stopped`: its items are unfinished, not at fault."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._inbox.put(None)
            self._ring()
            thread.join()
        self._bell.close()
        self._doorstep.close()

    def _submit(self, run: _Run) -> None:
        with self._lock:
            if self._closed:
                raise Stopped(STOPPED)
            if self._thread is None:
                # Workers ask the kernel to die with the *thread* that started them (PR_SET_PDEATHSIG),
                # so one thread that lives as long as the pool starts them all.
                self._thread = threading.Thread(target=self._dispatch, name="worker-pool", daemon=True)
                self._thread.start()
            self._inbox.put(run)
            self._ring()

    def _ring(self) -> None:
        self._bell.send(b"\0")

    # Everything below runs in the dispatcher thread alone.

    def _dispatch(self) -> None:
        try:
            while self._take_in():
                self._give_out()
                by_connection = {worker.connection: worker for worker in self._workers}
                for waker in wait([*by_connection, self._doorstep], self._patience()):
                    if waker is self._doorstep:
                        self._doorstep.recv(4096)
                    else:
                        self._hear(by_connection[waker])  # type: ignore[index]
                self._end_overdue()
        finally:
            self._abandon()

    def _take_in(self) -> bool:
        with contextlib.suppress(queue.Empty):
            while True:
                run = self._inbox.get_nowait()
                if run is None:
                    return False
                self._runs.append(run)
        return True

    def _give_out(self) -> None:
        while (idle := next((w for w in self._workers if w.idle), None)) and (task := self._next_task()):
            self._hand(idle, task)
        starting = sum(not worker.ready for worker in self._workers)
        wanted = sum(len(run.pending) for run in self._runs if not run.cancelled) - starting
        for _ in range(min(wanted, self.size - len(self._workers))):
            self._workers.append(_start(self.confinement))

    def _next_task(self) -> _Task | None:
        """The next item of the run whose turn it is; that run goes to the end of the line."""
        while self._runs:
            run = self._runs.popleft()
            if run.pending and not run.cancelled:
                self._runs.append(run)
                return run.pending.popleft()
        return None

    def _hand(self, worker: _Worker, task: _Task) -> None:
        worker.task = task
        worker.deadline = time.monotonic() + task.run.seconds
        try:
            worker.connection.send_bytes(task.payload)
        except OSError:
            self._bury(worker)

    def _hear(self, worker: _Worker) -> None:
        try:
            kind, value = pickle.loads(worker.connection.recv_bytes())
        except (EOFError, OSError):
            self._bury(worker)
            return
        worker.deadline = float("inf")
        if kind == "ready":
            worker.ready = True
            return
        task, worker.task = worker.task, None
        worker.done += 1
        if kind == "memory" or worker.done >= self.tasks_per_worker:
            self._retire(worker)
        if task is not None:
            task.run.results.put((task.item, self._out_of_memory() if kind == "memory" else value))

    def _bury(self, worker: _Worker) -> None:
        """The worker died. Its task gets one more try."""
        self._workers.remove(worker)
        code = worker.end()
        task = worker.task
        if task is None:
            # It died while starting or idle. If it can't even start, the queue must not wait for ever.
            task = None if worker.ready else self._next_task()
        if task is None:
            return
        task.deaths += 1
        if task.deaths > DEATHS_ALLOWED:
            task.run.results.put((task.item, WorkerDied(f"{DIED} {_how(code)}, twice")))
        else:
            task.run.pending.appendleft(task)
            if task.run not in self._runs:
                self._runs.append(task.run)

    def _retire(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()

    def _patience(self) -> float | None:
        deadline = min((worker.deadline for worker in self._workers), default=float("inf"))
        return None if deadline == float("inf") else max(0.0, deadline - time.monotonic())

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for worker in [w for w in self._workers if w.deadline < now and not w.connection.poll()]:
            if worker.task is None:
                self._bury(worker)
                continue
            self._retire(worker)
            late = WorkerTimeout(f"{SLOW} {worker.task.run.seconds:g} s and was ended")
            worker.task.run.results.put((worker.task.item, late))

    def _out_of_memory(self) -> WorkerDied:
        return WorkerDied(f"needed more than the {self.confinement.memory_mb} MiB of memory a worker may take")

    def _abandon(self) -> None:
        with self._lock:
            self._closed = True  # also when this thread fails: nobody may wait for it any more
        closed = Stopped(STOPPED)
        with contextlib.suppress(queue.Empty):
            while True:
                self._runs.extend(filter(None, [self._inbox.get_nowait()]))
        tasks = [worker.task for worker in self._workers if worker.task is not None]
        for task in itertools.chain(tasks, *(run.pending for run in self._runs)):
            task.run.results.put((task.item, closed))
        for worker in self._workers:
            worker.end()
        self._workers.clear()


def _how(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"of {signal.Signals(-code).name}"
    return f"of signal {-code}"


def _start(confinement: Confinement) -> _Worker:
    """A fresh interpreter, not a fork and not multiprocessing's spawn: nothing of this process's memory,
    `__main__` or environment reaches the worker, and its output goes nowhere (it may quote a page)."""
    ours, theirs = socket.socketpair()
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from pipeline.worker import serve; "
        f"serve({theirs.fileno()}, {os.getpid()}, {confinement.to_json()!r})"
    )
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            env=kept | ONE_THREAD | KEEP_MEMORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            process_group=0,  # Ctrl-C goes to the parent alone, which decides what to finish
        )
    return _Worker(process, Connection(ours.detach()), time.monotonic() + START_SECONDS)
