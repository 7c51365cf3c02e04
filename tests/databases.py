"""A database nobody used before, for the contracts that hold over SQLite and over PostgreSQL."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

__all__ = ["KINDS", "POSTGRES", "fresh_url"]

KINDS = ("sqlite", "postgresql")
POSTGRES = os.environ.get("MUNIMENT_TEST_POSTGRES_URL", "")


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
