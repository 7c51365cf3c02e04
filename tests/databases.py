"""A database nobody used before, for the contracts that hold over SQLite and over PostgreSQL, and a clock for them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

__all__ = ["POSTGRES", "Clock", "fresh_url"]

POSTGRES = os.environ.get("MUNIMENT_TEST_POSTGRES_URL", "")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def fresh_url(kind: str, folder: Path) -> Iterator[str]:
    """A file of its own, or a schema of its own on the server; a skip when there is no server."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'home' / 'catalog.sqlite'}"
        return
    if not POSTGRES:
        pytest.skip("MUNIMENT_TEST_POSTGRES_URL is not set")
    schema = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(POSTGRES)
    with engine.begin() as connection:
        connection.execute(sa.DDL(f"CREATE SCHEMA {schema}"))
    try:
        url = sa.make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.DDL(f"DROP SCHEMA {schema} CASCADE"))
        engine.dispose()
