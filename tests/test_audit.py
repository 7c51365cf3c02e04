"""The audit log: every row follows from the one before, and whatever was done to it is found, over both databases."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from pipeline.access.audit import KINDS, LONGEST, START, Audit, Wanted
from pipeline.database import Database, open_database
from pipeline.errors import UsageError
from pipeline.tables import audit

HOSTILE = "'; DROP TABLE audit; -- \0 \ud800 \u202e\n<script>"


@pytest.fixture
def log(database: Database) -> Audit:
    made = Audit(database)
    for number in range(1, 9):
        detail = {"matter": "alder" if number % 2 else "dune", "page": number}
        made.record("Ada" if number < 5 else "Grace", "view" if number % 3 else "export", f"doc{number}", detail)
    return made


def test_an_untouched_log_verifies(log):
    """Also an empty one; the head is the last row's hash, which a longer log still holds."""
    found = log.verify()
    assert (found.rows, found.wrong) == (8, "")
    assert found.head == log.latest(Wanted(), 1)[0].hash
    log.record("Ada", "search", detail={"query": "fee"})
    assert log.verify(found.head).wrong == ""
    assert log.verify().head != found.head


def test_an_empty_log_verifies(database):
    """Nothing was recorded yet."""
    assert Audit(database).verify() == Audit(database).verify("")
    assert Audit(database).verify().head == START


@pytest.mark.parametrize("column", ["at", "who", "what", "subject", "detail", "hash"])
def test_an_edited_row_is_found(log, database, column):
    """Whatever was edited in it; the verdict names the row."""
    with database.write() as connection:
        connection.execute(
            sa.update(audit).where(audit.c.id == 4).values({column: "{}" if column == "detail" else "x"})
        )
    found = log.verify()
    assert found.rows == 3
    assert found.wrong.startswith("row 4 was changed")


def test_an_edited_row_with_a_fitting_hash_breaks_the_next(log, database):
    """Who also computes the hash anew has to rewrite all that follows."""
    row = next(entry for entry in log.latest(Wanted(), 99) if entry.id == 4)
    before = next(entry for entry in log.latest(Wanted(), 99) if entry.id == 3)
    with database.write() as connection:
        changed = {"who": "Mallory"}
        connection.execute(sa.update(audit).where(audit.c.id == 4).values(changed))
    forged = next(entry for entry in log.latest(Wanted(), 99) if entry.id == 4).sealed(before.hash)
    assert forged != row.hash
    with database.write() as connection:
        connection.execute(sa.update(audit).where(audit.c.id == 4).values(hash=forged))
    found = log.verify()
    assert (found.rows, found.wrong.split(" was")[0]) == (4, "row 5")


@pytest.mark.parametrize("gone", [1, 4], ids=["the first", "one inside"])
def test_a_removed_row_is_found(log, database, gone):
    """The gap in the numbers names it; closing the gap breaks the hash of the next."""
    with database.write() as connection:
        connection.execute(sa.delete(audit).where(audit.c.id == gone))
    assert log.verify().wrong.startswith(f"row {gone} is missing")
    with database.write() as connection:
        for id in range(gone + 1, 9):
            connection.execute(sa.update(audit).where(audit.c.id == id).values(id=id - 1))
    assert log.verify().wrong.startswith(f"row {gone} was changed")


def test_an_inserted_row_is_found(log, database):
    """Whether it was put between two others or at the end with a made-up hash."""
    row = {"at": "2026-01-01", "who": "x", "what": "view", "subject": "", "detail": "{}", "hash": "0" * 64}
    with database.write() as connection:
        connection.execute(sa.insert(audit).values(id=9, **row))
    assert log.verify().wrong.startswith("row 9 was changed")
    with database.write() as connection:
        connection.execute(sa.delete(audit).where(audit.c.id == 9))
        for id in range(8, 4, -1):
            connection.execute(sa.update(audit).where(audit.c.id == id).values(id=id + 1))
        connection.execute(sa.insert(audit).values(id=5, **row))
    assert log.verify().wrong.startswith("row 5 was changed")


def test_reordered_rows_are_found(log, database):
    """Two rows that changed places."""
    with database.write() as connection:
        for old, new in ((3, 99), (6, 3), (99, 6)):
            connection.execute(sa.update(audit).where(audit.c.id == old).values(id=new))
    assert log.verify().wrong.startswith("row 3 was changed")


def test_a_cut_tail_is_found_by_who_noted_the_head(log, database):
    """The chain alone cannot know; the noted head can."""
    head = log.verify().head
    with database.write() as connection:
        connection.execute(sa.delete(audit).where(audit.c.id > 5))
    assert log.verify().wrong == ""
    assert "cut off" in log.verify(head).wrong
    assert "cut off" in log.verify("nonsense").wrong


WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pipeline.access.audit import Audit
from pipeline.database import open_database
database = open_database(sys.argv[1])
log = Audit(database)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda number: log.record("Ada", "view", str(number)), range(40)))
database.close()
"""


def test_threads_and_processes_make_one_chain(url):
    """Everybody's rows follow each other: none is lost, none follows the same one."""
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url]) for _ in range(2)]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    opened = open_database(url)
    found = Audit(opened).verify()
    opened.close()
    assert (found.rows, found.wrong) == (80, "")


def test_the_list_answers_who_saw_what(log):
    """By user, kind, matter and time, newest first; a matter is matched whole, in "matter" and in "matters"."""
    log.record("Grace", "search", detail={"query": "alder", "matters": ["dune", "al"]})
    assert [entry.id for entry in log.latest(Wanted(), 3)] == [9, 8, 7]
    assert [entry.id for entry in log.latest(Wanted(user="Ada", what="export"), 9)] == [3]
    assert [entry.id for entry in log.latest(Wanted(matter="dune"), 9)] == [9, 8, 6, 4, 2]
    assert [entry.id for entry in log.latest(Wanted(matter="al"), 9)] == [9]
    assert log.latest(Wanted(matter='"'), 9) == log.latest(Wanted(matter="%"), 9) == []
    assert len(log.latest(Wanted(since="2020-01-01"), 99)) == 9
    assert log.latest(Wanted(since="2999-01-01T12:00+02:00"), 99) == []
    with pytest.raises(UsageError, match="2026-01-31"):
        log.latest(Wanted(since="yesterday"), 9)


def test_hostile_text_is_kept_as_text(log):
    """NUL, surrogates, quotes: the row still verifies, and long texts are cut where the search cuts a question."""
    log.record(
        HOSTILE, "search", HOSTILE, {"query": HOSTILE + "x" * 100_000, "deep": [{HOSTILE: HOSTILE}], "matter": "ü"}
    )
    (entry,) = log.latest(Wanted(matter="ü"), 9)
    assert len(entry.details["query"]) == LONGEST
    assert json.loads(entry.detail)["query"].startswith("'; DROP TABLE audit; -- \ufffd \ufffd")
    assert log.verify().wrong == ""


def test_what_can_be_recorded_is_a_fixed_list(log):
    """A misspelt kind would be looked for in vain."""
    for kind in KINDS:
        log.record("Ada", kind)
    with pytest.raises(UsageError):
        log.record("Ada", "veiw")
