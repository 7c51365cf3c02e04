"""A Prefect server of our own: on this machine's loopback, its database in the home, for nobody who lacks its secret.

The ephemeral server that flows start by themselves keeps no schedules, and survives a kill -9 of its parent. The secret
matters: whoever may write to a Prefect server can tell its runners what code to run, and every user of a machine can
reach its loopback.
"""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["answers", "environment", "main", "new_address"]

ANSWER_SECONDS = 2.0


def new_address() -> str:
    """Where a server of our own can be: a free port of the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}/api"


def environment(address: str, home: Path) -> Mapping[str, str]:
    """What that server and whoever speaks to it have in their environment."""
    secret = f"muniment:{secrets.token_urlsafe(32)}"
    return {
        "PREFECT_API_URL": address,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_AUTH_STRING": secret,
        "PREFECT_API_AUTH_STRING": secret,
        "PREFECT_UI_ENABLED": "0",
        # A run every few minutes and a task a document: what is a month old goes.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 24 * 3600),
        "PREFECT__SERVER_FINAL": "1",
    }


def answers(address: str) -> bool:
    """Whether a server is there and well."""
    import httpx2

    try:
        return httpx2.get(f"{address}/health", trust_env=False, timeout=ANSWER_SECONDS).status_code == 200
    except httpx2.HTTPError:
        return False


def main() -> None:
    """`python -m flows.server PORT`: serve on loopback until a signal ends it."""
    import uvicorn

    _mend_schedules()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        timeout_graceful_shutdown=3,
    )


def _mend_schedules() -> None:
    """Prefect 3.8 schedules runs by a bulk insert with a key named like a hybrid property, `state`. SQLAlchemy
    2.1 refuses that unless the property says what to do with it; until 2.0 it did nothing, as here."""
    from prefect.server.database.orm_models import FlowRun

    state: Any = FlowRun.__dict__["state"]
    if getattr(state, "bulk_dml_setter", ...) is None:
        state.bulk_dml_setter = lambda *_: None


if __name__ == "__main__":
    main()
