"""The catalog's schema revisions, run by alembic from inside the package: no alembic.ini is needed.

A revision is written once and never changed. To add one: a new file in `versions/`, `HEAD` set to it, and
the same change in `pipeline/tables.py`.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

__all__ = ["HEAD", "VERSION_TABLE", "knows", "upgrade"]

HEAD = "0014"
VERSION_TABLE = "muniment_version"

_one_at_a_time = threading.Lock()  # alembic's `op` and `context` are globals of the process


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring the schema to `revision` inside the transaction that the caller has begun."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    with _one_at_a_time:
        command.upgrade(config, revision)


def knows(revision: str) -> bool:
    """Whether this revision is one of ours; a home of an unknown one was made by a newer Muniment."""
    from alembic.script import ScriptDirectory

    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # ConfigParser reads % as the start of an interpolation
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
