"""The database under the catalog: created, migrated, backed up, locked, and its errors told plainly."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory

from pipeline import database, migrations
from pipeline.catalog import Catalog
from pipeline.errors import CatalogBusy, CatalogError, UsageError
from pipeline.tables import metadata
from pipeline.types import Document, DocumentStatus, Finding, PageOutcome, PageStatus, Route

POSTGRES = os.environ.get("MUNIMENT_TEST_POSTGRES_URL", "")

# The first revision as a home of its day had it, written by hand so that it can't follow a change of the code.
FIRST = """
    CREATE TABLE muniment_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
    INSERT INTO muniment_version VALUES ('0001');
    CREATE TABLE documents (id VARCHAR(64) NOT NULL PRIMARY KEY, matter TEXT NOT NULL, name TEXT NOT NULL,
        sha256 VARCHAR(64) NOT NULL, status VARCHAR(32) NOT NULL, reason TEXT NOT NULL, page_count INTEGER NOT NULL,
        received DOUBLE NOT NULL, record TEXT, indexed TEXT);
    CREATE INDEX documents_by_sha256 ON documents (sha256);
    CREATE INDEX documents_by_status ON documents (status);
    CREATE TABLE sources (document VARCHAR(64) NOT NULL,
        key VARCHAR(64) NOT NULL, path TEXT NOT NULL, name TEXT NOT NULL, first_seen DOUBLE NOT NULL,
        PRIMARY KEY (document, key),
        FOREIGN KEY (document) REFERENCES documents (id) ON DELETE CASCADE);
    CREATE INDEX sources_by_key ON sources (key);
    CREATE TABLE pages (document VARCHAR(64) NOT NULL,
        number INTEGER NOT NULL, route VARCHAR(32), status VARCHAR(32) NOT NULL, reasons TEXT NOT NULL,
        PRIMARY KEY (document, number),
        FOREIGN KEY (document) REFERENCES documents (id) ON DELETE CASCADE);
    CREATE TABLE results (sha256 VARCHAR(64) NOT NULL, page INTEGER NOT NULL, stage VARCHAR(200) NOT NULL,
        version VARCHAR(500) NOT NULL, payload BLOB NOT NULL, seconds DOUBLE NOT NULL,
        PRIMARY KEY (sha256, page, stage, version));
    CREATE TABLE runs (id INTEGER NOT NULL PRIMARY KEY, kind VARCHAR(64) NOT NULL, status VARCHAR(32) NOT NULL,
        host TEXT NOT NULL, pid INTEGER NOT NULL, birth VARCHAR(64) NOT NULL, started DOUBLE NOT NULL,
        finished DOUBLE, seconds TEXT NOT NULL, totals TEXT NOT NULL);
    CREATE TABLE meta (key VARCHAR(200) NOT NULL PRIMARY KEY, value TEXT NOT NULL);
    INSERT INTO documents VALUES ('0123456789ab', 'acme', 'lease.pdf', 'ab', 'done', '', 1, 1.5, '{"title": 1}', 'x');
    INSERT INTO sources VALUES ('0123456789ab', 'k', '/inbox/lease.pdf', 'lease.pdf', 1.5);
    INSERT INTO pages VALUES ('0123456789ab', 1, 'text', 'extracted', '["clean"]');
    INSERT INTO meta VALUES ('index', 'minilm');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "catalog.sqlite"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def first(path: Path) -> Path:
    """A home of the first revision with a document in it."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST)
    return path


@pytest.fixture
def postgres() -> Iterator[str]:
    """A schema of its own on the server."""
    if not POSTGRES:
        pytest.skip("MUNIMENT_TEST_POSTGRES_URL is not set")
    schema = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(POSTGRES)
    with engine.begin() as connection:
        connection.execute(sa.DDL(f"CREATE SCHEMA {schema}"))
    own = sa.make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sa.DDL(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT version_num FROM muniment_version").fetchone()[0])


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.parent.iterdir()}


def differences(url: str) -> list[object]:
    """What alembic would still have to change to make the database what `tables.py` says."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        options = {"version_table": migrations.VERSION_TABLE, "compare_type": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return list(found)


# ---- revisions


def test_the_revisions_are_one_line_that_ends_in_head() -> None:
    """`HEAD` is what opening compares with before it loads alembic: it must be the last file's."""
    script = ScriptDirectory.from_config(migrations._config())
    assert script.get_heads() == [migrations.HEAD]
    assert [s.revision for s in script.walk_revisions()][-1] == "0001"


def test_a_fresh_home_has_the_newest_tables(url: str, path: Path) -> None:
    """The revisions lead exactly to `tables.py`; no backup is made of nothing."""
    Catalog.open(url).close()
    assert revision(path) == migrations.HEAD
    assert differences(url) == []
    assert not list(path.parent.glob("*.bak*"))


def test_a_fresh_postgresql_has_the_newest_tables(postgres: str) -> None:
    """The same on the server."""
    Catalog.open(postgres).close()
    assert differences(postgres) == []


def test_a_fresh_database_can_go_through_each_revision(postgres: str) -> None:
    """The server migrates from the first revision too, and keeps what is there."""
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        migrations.upgrade(connection, "0001")
        for statement in FIRST.split(";"):
            if statement.lstrip().startswith("INSERT") and "muniment_version" not in statement:
                connection.execute(sa.text(statement))
    engine.dispose()
    with Catalog.open(postgres) as catalog:
        assert catalog.meta("index") == "minilm"
        assert catalog.document("lease.pdf").page_count == 1
    assert differences(postgres) == []


def test_an_older_home_is_migrated_with_its_data(first: Path, url: str) -> None:
    """Everything is still there, the new tables work, and the file as it was lies beside it, private."""
    with Catalog.open(url) as catalog:
        document = Document("0123456789ab", "acme", "lease.pdf", "ab", DocumentStatus.DONE, "", 1)
        assert catalog.documents() == [document] == [catalog.document("lease.pdf")]
        assert catalog.pages(document.id) == [PageOutcome(1, Route.TEXT, ("clean",), PageStatus.EXTRACTED)]
        assert (catalog.record(document.id), catalog.indexed(document.id)) == ('{"title": 1}', "x")
        assert (catalog.sources(document.id), catalog.meta("index")) == (["/inbox/lease.pdf"], "minilm")
        finding = Finding("title", 1, "Lease", "Lease", "Lease", 1.0, "rules@1")
        catalog.set_record(document.id, "{}", [finding])
        assert catalog.findings(document.id) == [finding]
    assert differences(url) == []
    backup = first.with_name("catalog.sqlite.r0001.bak")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert revision(backup) == "0001"
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT name FROM documents").fetchall() == [("lease.pdf",)]


def test_rebuilding_a_table_keeps_what_refers_to_it(first: Path, url: str) -> None:
    """SQLite alters `documents` by dropping it, which would delete every page and source by cascade."""
    opened = database.open_database(url)
    with opened.migrate() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("documents", recreate="always") as table:
            table.add_column(sa.Column("extra", sa.Text))
    with opened.write() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM pages")).scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        connection.execute(sa.text("DELETE FROM documents"))
        assert connection.execute(sa.text("SELECT count(*) FROM pages")).scalar() == 0
    opened.close()


def test_a_migration_that_orphans_rows_is_undone(first: Path, url: str) -> None:
    """Foreign keys are off while tables are rebuilt, so they are checked before the commit."""
    opened = database.open_database(url)
    with pytest.raises(CatalogError, match="without their document"), opened.migrate() as connection:
        connection.execute(sa.text("DELETE FROM documents"))
    with opened.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM documents")).scalar() == 1
    opened.close()


def test_many_migrate_an_older_home_at_once(first: Path, url: str) -> None:
    """One does it, the others wait for it and find it done."""
    barrier = threading.Barrier(4)

    def work(_number: int) -> list[Finding]:
        barrier.wait()
        with Catalog.open(url) as catalog:
            return catalog.findings("0123456789ab")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [[]] * 4
    assert revision(first) == migrations.HEAD


def test_threads_make_homes_of_their_own_at_once(tmp_path: Path) -> None:
    """Alembic keeps globals: migrations of different homes in one process must not meet in them."""
    barrier = threading.Barrier(6)

    def work(number: int) -> list[object]:
        url = f"sqlite:///{tmp_path / str(number) / 'catalog.sqlite'}"
        barrier.wait()
        Catalog.open(url).close()
        return differences(url)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [[]] * 6


def test_a_newer_home_is_left_alone_and_says_how_to_go_on(first: Path, url: str) -> None:
    """The error names both revisions and the way out; nothing is written."""
    with closing(sqlite3.connect(first)) as connection:
        connection.execute("UPDATE muniment_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(CatalogError, match=rf"9999, newer than {migrations.HEAD}.* upgrade Muniment"):
        Catalog.open(url)
    assert revision(first) == "9999"
    assert not list(first.parent.glob("*.bak*"))


def test_a_migration_that_fails_changes_nothing(first: Path, url: str) -> None:
    """A table that is in the way: the revision and the tables are as before, and a second try fails alike."""
    with closing(sqlite3.connect(first)) as connection:
        connection.execute("CREATE TABLE findings (mine INTEGER)")
    for _ in range(2):
        with pytest.raises(CatalogError, match="already exists"):
            Catalog.open(url)
    assert revision(first) == "0001"
    assert not list(first.parent.glob("*.part"))


def test_without_a_backup_nothing_is_migrated(first: Path, url: str) -> None:
    """Something is in the backup's way: the home stays as it is, and no half copy is left."""
    first.with_name("catalog.sqlite.r0001.bak").mkdir()
    with pytest.raises(CatalogError, match="can't be copied before it is migrated"):
        Catalog.open(url)
    assert revision(first) == "0001"
    assert not list(first.parent.glob("*.part"))


def test_a_home_that_is_held_is_waited_for(first: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older program reads an old home: opening waits for it up to the limit, then says so."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.3)
    with closing(sqlite3.connect(first, check_same_thread=False)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM meta").fetchall()
        with pytest.raises(CatalogBusy):
            Catalog.open(url)
        monkeypatch.setattr(database, "BUSY_SECONDS", 20)
        threading.Timer(0.5, other.rollback).start()
        with Catalog.open(url) as catalog:
            assert catalog.meta("index") == "minilm"


def test_a_migration_killed_halfway_starts_again(first: Path, url: str) -> None:
    """SIGKILL after the tables were made and before the commit: the next opening does it all."""
    script = """
        import os, signal, sys
        from pipeline import database
        def upgrade(connection, upgrade=database.upgrade):
            upgrade(connection)
            os.kill(os.getpid(), signal.SIGKILL)
        database.upgrade = upgrade
        database.open_database(sys.argv[1])
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script), url], check=False)
    assert killed.returncode < 0
    assert revision(first) == "0001"
    with Catalog.open(url) as catalog:
        assert catalog.document("lease.pdf").page_count == 1


def test_opening_at_head_does_not_load_alembic(url: str) -> None:
    """Every command opens the catalog; only a migration pays for alembic."""
    Catalog.open(url).close()
    script = """
        import sys
        from pipeline.catalog import Catalog
        Catalog.open(sys.argv[1]).documents()
        sys.exit("alembic" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), url], check=False)
    assert done.returncode == 0


# ---- SQLite


def test_the_file_is_private_and_safe(url: str, path: Path) -> None:
    """0600 in a 0700 folder, side files included; WAL, full sync, foreign keys, the busy timeout."""
    before = os.umask(0)
    try:
        opened = database.open_database(url)
    finally:
        os.umask(before)
    with opened.write() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        assert {stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()} == {0o600}
        assert names(path) == {"catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"}
    opened.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_only_what_can_be_computed_anew_is_not_flushed(path: Path, url: str) -> None:
    """On one connection, one after the other: a transaction that need not last leaves the next one as safe as ever."""
    opened = database.open_database(url)
    levels = []
    for lasting in (True, False, True):
        with opened.write(lasting=lasting) as connection:
            levels.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    opened.close()
    assert levels == [2, 1, 2]


def test_a_home_with_an_odd_name_works(tmp_path: Path) -> None:
    """Blanks, percent signs and umlauts in the home's path."""
    home = tmp_path / "Akten 100% für Übersicht"
    with Catalog.open(f"sqlite:///{home / 'catalog.sqlite'}") as catalog:
        assert catalog.documents() == []
    assert (home / "catalog.sqlite").is_file()


def test_a_lock_is_waited_for(url: str, path: Path) -> None:
    """Another process writes for a second: this one's save takes a second longer, and reads go on meanwhile."""
    with Catalog.open(url) as catalog, closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert catalog.documents() == []
        threading.Timer(1.0, other.rollback).start()
        start = time.monotonic()
        catalog.set_meta("key", "value")
        assert time.monotonic() - start > 0.5
        assert catalog.meta("key") == "value"


def test_a_lock_past_the_limit_says_so(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`database is locked` reaches nobody: a retryable error of our tree does, and later all is well."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with Catalog.open(url) as catalog, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogBusy, match="locked by another process") as error:
            catalog.set_meta("key", "value")
        assert error.value.retryable
        other.rollback()
        catalog.set_meta("key", "value")


def test_reading_first_and_writing_later_is_not_refused(url: str, path: Path) -> None:
    """The transaction takes its lock at once: another writer in between can't invalidate what it read."""
    opened = database.open_database(url)
    meta = metadata.tables["meta"]
    with closing(sqlite3.connect(path, timeout=0)) as other:
        with opened.write() as connection:
            connection.execute(sa.select(meta)).all()
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO meta VALUES ('other', 'x')")
            connection.execute(sa.insert(meta).values(key="ours", value="x"))
        other.execute("INSERT INTO meta VALUES ('other', 'x')")
        other.commit()
    with opened.read() as connection:
        assert len(connection.execute(sa.select(meta)).all()) == 2
    opened.close()


def test_a_file_that_is_no_catalog_is_told(path: Path, url: str) -> None:
    """Garbage where the catalog should be: one line, and the file is left alone."""
    path.parent.mkdir()
    path.write_bytes(b"not a database, but somebody's file" * 100)
    with pytest.raises(CatalogError, match="not a database"):
        Catalog.open(url)
    assert path.read_bytes().startswith(b"not a database")


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where a folder should be."""
    (tmp_path / "home").write_bytes(b"")
    with pytest.raises(CatalogError, match="can't be opened"):
        Catalog.open(f"sqlite:///{tmp_path / 'home' / 'catalog.sqlite'}")


# ---- PostgreSQL, URLs


def test_a_postgresql_lock_past_the_limit_says_so(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table locked by somebody else is the same retryable error."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    engine = sa.create_engine(postgres)
    with Catalog.open(postgres) as catalog, engine.connect() as other:
        other.execute(sa.text("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(CatalogBusy):
            catalog.set_meta("key", "value")
        other.rollback()
        catalog.set_meta("key", "value")
    engine.dispose()


def test_a_lost_postgresql_connection_is_replaced(postgres: str) -> None:
    """A server that closed our idle connections (a restart) costs nothing but a new one."""
    mark = f"lost-{uuid.uuid4().hex}"
    url = sa.make_url(postgres).update_query_dict({"application_name": mark})
    ours = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :mark")
    engine = sa.create_engine(postgres)
    with Catalog.open(url.render_as_string(hide_password=False)) as catalog, engine.connect() as other:
        catalog.set_meta("key", "value")
        assert other.execute(ours, {"mark": mark}).scalars().all() == [True]
        assert catalog.meta("key") == "value"
    engine.dispose()


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    """Nobody listens on port 1."""
    with pytest.raises(CatalogError) as error:
        Catalog.open("postgresql+psycopg://me:s3cret@127.0.0.1:1/db")
    assert "s3cret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "wrong", ["", "catalog.sqlite", "mysql://me:s3cret@host/db", "sqlite://", "sqlite:///:memory:", "s3cret"]
)
def test_a_wrong_url_is_a_usage_error(wrong: str) -> None:
    """It names the variable and repeats nothing of the value, which may hold a password."""
    with pytest.raises(UsageError, match="MUNIMENT_DATABASE_URL") as error:
        Catalog.open(wrong)
    assert "s3cret" not in str(error.value)


def test_one_session_of_all_machines_holds_a_place(postgres: str) -> None:
    """Who comes second is told so at once; the place is free when its holder's body, or connection, ends."""
    with closing(database.open_database(postgres)) as one, closing(database.open_database(postgres)) as other:
        with one.sole(7) as first, other.sole(7) as second, other.sole(8) as elsewhere:
            assert (first, second, elsewhere) == (True, False, True)
        with other.sole(7) as held:
            assert held
