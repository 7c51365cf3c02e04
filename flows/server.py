"""A Prefect server beside a served schedule: on this machine's loopback, ended with the process that started it.

The ephemeral server that flows start by themselves keeps no schedules, and survives a kill -9 of its parent.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from pipeline.seccomp import PR_SET_PDEATHSIG

__all__ = ["prefect_server"]

STARTED_SECONDS = 180.0


@contextmanager
def prefect_server() -> Iterator[None]:
    """The Prefect server that `PREFECT_API_URL` names, or one of our own while the body runs."""
    if PREFECT_API_URL.value():
        yield
        return
    port = _free_port()
    environment = os.environ | get_current_settings().to_environment_variables(exclude_unset=True)
    server = subprocess.Popen(
        [sys.executable, "-c", f"from flows.server import run; run({port}, {os.getpid()})"],
        env=environment | {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_FINAL": "1"},
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/health", server)
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}):
            yield
    finally:
        server.terminate()
        server.wait()


def run(port: int, parent: int) -> None:
    """Serve on loopback until the parent ends."""
    import uvicorn

    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            return
    _mend_schedules()
    uvicorn.run("prefect.server.api.server:create_app", factory=True, host="127.0.0.1", port=port, log_level="error")


def _mend_schedules() -> None:
    """Prefect 3.8 schedules runs by a bulk insert with a key named like a hybrid property, `state`. SQLAlchemy
    2.1 refuses that unless the property says what to do with it; until 2.0 it did nothing, as here."""
    from prefect.server.database.orm_models import FlowRun

    state: Any = FlowRun.__dict__["state"]
    if getattr(state, "bulk_dml_setter", ...) is None:
        state.bulk_dml_setter = lambda *_: None


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + STARTED_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            if httpx2.get(url, trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.5)
    raise SystemExit("the Prefect server of the schedule did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
