"""The database under the catalog: SQLite in the home, or PostgreSQL; opened, migrated, its errors translated.

SQLite runs in WAL mode, so readers never wait for the writer. Every writing transaction begins as
`BEGIN IMMEDIATE`: a transaction that reads first and writes later would be refused at once, without the
busy timeout, whenever another process wrote in between. `synchronous=FULL`, so that what was committed
survives a power cut too: a drop folder gives the original away once the catalog has it. Only what can be computed anew
waits for the next such commit to reach the disk (`write(lasting=False)`); a kill takes none of it away either.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Engine, event, exc

from pipeline.errors import CatalogBusy, CatalogError, UsageError
from pipeline.migrations import HEAD, VERSION_TABLE, knows, upgrade
from pipeline.store import private_folder

__all__ = ["BUSY_SECONDS", "Database", "open_database"]

BUSY_SECONDS = 30
CONNECT_SECONDS = 10
_MIGRATION_LOCK = 0x6D756E69  # any constant that only Muniment takes as a PostgreSQL advisory lock
_PG_BUSY = {"55P03", "40P01", "40001"}  # lock_not_available, deadlock_detected, serialization_failure
_READ = ("BEGIN",)
_WRITE = ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE")
_WRITE_AGAIN = ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE")
_MIGRATE = ("PRAGMA foreign_keys=OFF", "BEGIN IMMEDIATE")  # inside a transaction the pragma does nothing
_NEWER = "the catalog is of revision {found}, newer than {head}, the last this Muniment knows: upgrade Muniment"


class Database:
    """Short transactions on one engine; every error that leaves them is a `CatalogError`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(muniment_begin=_WRITE)
        self._rewriter = engine.execution_options(muniment_begin=_WRITE_AGAIN)
        self.sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer: the threads of a process queue here instead of polling the file lock
        self._turn = threading.Lock() if self.sqlite else nullcontext()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[Connection]:
        """A transaction that may write; committed when the body ends, rolled back when it raises.

        Not `lasting`: a power cut may undo it, as long as no lasting one came after it; a kill can't. For what can be
        computed anew, at a fsync less. PostgreSQL keeps to its own setting.
        """
        writer = self._writer if lasting else self._rewriter
        with _translated(), self._turn, writer.begin() as connection:
            yield connection

    def alone(self, connection: Connection, lock: int) -> None:
        """Hold up every other writing transaction that asks for the same `lock` (a constant of the asking room) until
        this one ends. SQLite has one writer anyway; on PostgreSQL two could each read before the other has written."""
        if not self.sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))

    @contextmanager
    def sole(self, key: int) -> Iterator[bool]:
        """Hold the advisory lock `key` while the body runs, if no session of any machine does; whether it is held now.

        Only PostgreSQL has machines that share it; in SQLite a lock on a file of the home says the same.
        """
        if self.sqlite:
            yield True
            return
        with _translated(), self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            held = bool(connection.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar_one())
            try:
                yield held
            finally:
                if held:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(key)))

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """A writing transaction that may rebuild tables.

        SQLite alters a table by copying and dropping it, and dropping one deletes the rows that refer to it:
        its foreign keys are off here, and checked before the commit.
        """
        migrator = self._engine.execution_options(muniment_begin=_MIGRATE)
        try:
            with _translated(), self._turn, migrator.begin() as connection:
                yield connection
                if self.sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise CatalogError("the catalog's migration would leave rows without their document")
        finally:
            self.close()  # no connection without foreign keys goes back into use

    def forget(self, patience: float = 10.0) -> bool:
        """Empty SQLite's write-ahead log, where deleted words still stand; in the file they are overwritten at once
        (`secure_delete`). False when readers kept it from that for `patience` seconds. PostgreSQL has no such call: it
        drops dead rows in its own time."""
        if not self.sqlite:
            return True
        give_up = time.monotonic() + patience
        with _translated(), self._turn, self._engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            while busy := driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > give_up:
                    break
                time.sleep(0.05)
        return not busy

    def close(self) -> None:
        """Let all connections go."""
        self._engine.dispose()

    def insert_new(self, connection: Connection, table: sa.Table, row: dict[str, Any]) -> bool:
        """Insert a row unless its primary key is there; whether it was inserted."""
        # without this option SQLAlchemy gives -1 for an INSERT on PostgreSQL
        options = {"preserve_rowcount": True}
        return connection.execute(self._unless_there(table), row, execution_options=options).rowcount > 0

    def insert_all_new(self, connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert these rows, but for those whose primary key is there."""
        if rows:
            connection.execute(self._unless_there(table), rows)

    def _unless_there(self, table: sa.Table) -> Any:
        from sqlalchemy.dialects import postgresql, sqlite

        insert: Any = sqlite.insert if self.sqlite else postgresql.insert
        return insert(table).on_conflict_do_nothing()


def open_database(url: str) -> Database:
    """The database at `url`, at the newest revision.

    A fresh one is created, an older one migrated (a SQLite file is copied to `NAME.rREVISION.bak` first);
    a newer one is a `CatalogError`. Any number of processes may do this at the same moment.
    """
    parsed = _parse(url)
    engine = _sqlite_engine(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql_engine(parsed)
    database = Database(engine)
    try:
        _bring_to_head(database, parsed)
    except BaseException:
        database.close()
        raise
    return database


def _parse(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        raise UsageError("MUNIMENT_DATABASE_URL is no database URL") from None  # it may hold a password
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise UsageError("MUNIMENT_DATABASE_URL: the catalog is kept in SQLite or PostgreSQL")
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise UsageError("MUNIMENT_DATABASE_URL: the catalog needs a file, not a database in memory")
    return parsed


def _sqlite_engine(url: URL) -> Engine:
    path = _path(url)
    try:
        private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # -wal and -shm take over its mode
    except OSError as error:
        raise CatalogError(f"the catalog can't be opened: {error.strerror}") from error
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _postgresql_engine(url: URL) -> Engine:
    options = f"{url.query.get('options', '')} -c lock_timeout={int(BUSY_SECONDS * 1000)}".strip()
    arguments = {"options": options, "connect_timeout": CONNECT_SECONDS}
    try:
        return sa.create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True)
    except (ModuleNotFoundError, exc.NoSuchModuleError) as error:
        raise UsageError("PostgreSQL needs its driver: pip install 'muniment[postgresql]'") from error


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # no implicit BEGIN by the driver: `_begin` says which kind
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA secure_delete=ON")  # deleted words are overwritten; Debian's build does so anyway


def _begin(connection: Connection) -> None:
    for statement in connection.get_execution_options().get("muniment_begin", _READ):
        connection.exec_driver_sql(statement)


def _bring_to_head(database: Database, url: URL) -> None:
    with database.read() as connection:
        if _revision(connection) == HEAD:
            return
    if database.sqlite:
        _use_wal(_path(url))
    with database.migrate() as connection:
        if not database.sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        found = _revision(connection)
        if found == HEAD:  # another process did it while this one waited
            return
        if found is not None and not knows(found):
            raise CatalogError(_NEWER.format(found=found, head=HEAD))
        if found is not None and database.sqlite:
            _back_up(_path(url), found)
        upgrade(connection)


def _revision(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    column: sa.ColumnClause[str] = sa.column("version_num")
    return connection.execute(sa.select(column).select_from(sa.table(VERSION_TABLE))).scalar()


def _use_wal(path: Path) -> None:
    """The mode is kept in the file. Changing it ignores the busy timeout, so it is tried again here."""
    give_up = time.monotonic() + BUSY_SECONDS
    with closing(sqlite3.connect(path, timeout=0)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if time.monotonic() > give_up:
                    raise CatalogBusy("the catalog is busy: another process holds it") from error
                time.sleep(0.02)
            except sqlite3.DatabaseError as error:
                raise CatalogError(f"the catalog can't be opened: {error}") from error


def _back_up(path: Path, revision: str) -> None:
    """A consistent copy, whole or not at all; in WAL mode a reader is not held up by our own write lock."""
    target = path.with_name(f"{path.name}.r{revision}.bak")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise CatalogError(f"the catalog can't be copied before it is migrated: {error}") from error


def _path(url: URL) -> Path:
    return Path(url.database or "").absolute()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.DBAPIError as error:
        if _is_busy(error.orig):
            raise CatalogBusy(f"the catalog stayed locked by another process for {BUSY_SECONDS} s") from error
        raise CatalogError(f"the catalog failed: {_first_line(error.orig)}") from error
    except exc.SQLAlchemyError as error:
        raise CatalogError(f"the catalog failed: {type(error).__name__}") from error


def _is_busy(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return getattr(error, "sqlstate", None) in _PG_BUSY


def _first_line(error: BaseException | None) -> str:
    """The message without PostgreSQL's DETAIL lines, which quote values."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
