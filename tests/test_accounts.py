"""Accounts: names, passwords, and that a wrong one says nothing, over SQLite and PostgreSQL."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from pipeline.access.accounts import Accounts
from pipeline.access.sessions import Sessions
from pipeline.database import Database
from pipeline.errors import NotFound, UsageError
from pipeline.tables import users

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "a horse of another colour"


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database, CHEAP)


def kept(database: Database, name: str) -> str:
    """What the table keeps of this account's password."""
    with database.read() as connection:
        return connection.execute(sa.select(users.c.password).where(users.c.name == name)).scalar_one()


def test_the_right_password_opens_and_no_other(accounts):
    """Case and blanks of the name don't matter, those of the password do; who is disabled stays out."""
    ada = accounts.add("Ada Lovelace", PASSWORD, admin=True)
    accounts.add("Boss", PASSWORD, admin=True)
    assert accounts.check(" ada LOVELACE ", PASSWORD) == ada
    for name, password in (("Ada Lovelace", PASSWORD.upper()), ("Ada Lovelace", ""), ("Grace", PASSWORD), ("", "")):
        assert accounts.check(name, password) is None
    accounts.disable(ada.id)
    assert accounts.check("Ada Lovelace", PASSWORD) is None
    accounts.enable(ada.id)
    assert accounts.check("Ada Lovelace", PASSWORD) is not None


def test_passwords_are_argon2id_and_never_in_the_clear(database):
    """By default with at least RFC 9106's parameters for little memory, and a salt of each one's own."""
    accounts = Accounts(database)
    accounts.add("Ada", PASSWORD)
    accounts.add("Grace", PASSWORD)
    first, second = kept(database, "Ada"), kept(database, "Grace")
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in first
    assert first != second


def test_a_hash_of_weaker_parameters_is_made_anew_at_sign_in(database):
    """The stronger parameters reach everybody who still comes in."""
    Accounts(database, CHEAP).add("Ada", PASSWORD)
    weak = kept(database, "Ada")
    stronger = Accounts(database, PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert stronger.check("Ada", "wrong password") is None
    assert kept(database, "Ada") == weak
    assert stronger.check("Ada", PASSWORD) is not None
    assert "m=16,t=2" in kept(database, "Ada")
    assert stronger.check("Ada", PASSWORD) is not None


def test_an_unknown_name_costs_as_much_as_a_wrong_password(database):
    """Both hash once: with a hasher that counts, the numbers are equal, for a disabled account too."""
    asked: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash, password):
            asked.append(hash)
            return super().verify(hash, password)

    accounts = Accounts(database, Counting(time_cost=1, memory_cost=8, parallelism=1))
    accounts.add("Boss", PASSWORD, admin=True)
    gone = accounts.add("Gone", PASSWORD)
    accounts.disable(gone.id)
    for name in ("Boss", "Gone", "nobody", "\ud800"):
        asked.clear()
        assert accounts.check(name, "a wrong password") is None
        assert len(asked) == 1
        assert asked[0].rpartition("$")[0].startswith("$argon2id$v=19$m=8,t=1,p=1")


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1025], ids=["empty", "eleven", "1025"])
def test_a_password_is_judged_by_its_length(accounts, password):
    """Too short or too long is refused at both doors; any twelve characters will do."""
    with pytest.raises(UsageError, match="12 to 1024"):
        accounts.add("Ada", password)
    ada = accounts.add("Ada", "zwölf Zeiche")
    with pytest.raises(UsageError, match="12 to 1024"):
        accounts.set_password(ada.id, password)
    assert accounts.check("Ada", "zwo\u0308lf Zeiche") == ada  # the same letters from another keyboard


def test_a_password_is_not_the_name(accounts):
    """Length alone would let it pass."""
    with pytest.raises(UsageError, match="not the name"):
        accounts.add("Ada Lovelace of London", "ada lovelace OF london")


@pytest.mark.parametrize(
    "name",
    ["", " ", "x" * 61, "a\u202eb", "a\nb", "a\0b", "a  b", "\ud800", "a\u200bb"],
    ids=lambda name: repr(name)[:12],
)
def test_names_that_could_deceive_are_refused(accounts, name):
    """A name is shown to people and written into the log."""
    with pytest.raises(UsageError):
        accounts.add(name, PASSWORD)


def test_a_name_is_taken_once(accounts):
    """However it is written: full-width letters and case make no second account."""
    accounts.add("Ada", PASSWORD)
    for again in ("ada", "ADA ", "Ａｄａ"):
        with pytest.raises(UsageError, match="taken"):
            accounts.add(again, PASSWORD)


def test_only_one_first_account_is_made(accounts):
    """Of many that come at once by the setup link, one wins."""

    def first(number: int) -> bool:
        try:
            accounts.add(f"Admin {number}", PASSWORD, admin=True, first=True)
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(first, range(8))) == 1
    assert len(accounts.all()) == 1


def test_the_last_admin_stays(accounts):
    """Nobody could look after the accounts any more; two admins cannot disable each other at once either."""
    both = [accounts.add(name, PASSWORD, admin=True).id for name in ("Ada", "Grace")]

    def disable(id: int) -> bool:
        try:
            accounts.disable(id)
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(disable, both)) == [False, True]


def test_sessions_end_with_the_password_and_with_the_account(accounts, database):
    """Whoever took a session over is thrown out by its owner's new password."""
    accounts.add("Boss", PASSWORD, admin=True)
    ada, sessions = accounts.add("Ada", PASSWORD), Sessions(database)
    for ending in (lambda: accounts.set_password(ada.id, PASSWORD + "!"), lambda: accounts.disable(ada.id)):
        cookie = sessions.open(ada.id)
        assert sessions.by_cookie(cookie) is not None
        ending()
        assert sessions.by_cookie(cookie) is None
    accounts.enable(ada.id)
    assert sessions.by_cookie(cookie) is None


def test_a_password_of_100_megabytes_is_not_hashed(accounts):
    """It is refused in the time of any other wrong one."""
    accounts.add("Ada", PASSWORD)
    begun = time.monotonic()
    assert accounts.check("Ada", PASSWORD + "x" * 100_000_000) is None
    assert time.monotonic() - begun < 5


def test_unknown_accounts_are_said_to_be_unknown(accounts):
    """By name and by number."""
    with pytest.raises(NotFound):
        accounts.user("nobody")
    with pytest.raises(NotFound):
        accounts.by_id(7)


ISSUER = "https://login.example.com"


def test_a_subject_leads_to_its_account_and_to_no_other(accounts):
    """Of one issuer, exactly as it writes it; asked for again, by many at once too, it is the same account."""
    with pytest.raises(UsageError, match="first account"):
        accounts.add_subject("Ben", ISSUER, "u-1")
    accounts.add("Ada", PASSWORD, admin=True)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: accounts.add_subject("Ben", ISSUER, "u-1"), range(8)))
    ben = accounts.user("Ben")
    assert set(made) == {ben} and not ben.admin
    assert accounts.by_subject(ISSUER, "u-1") == ben
    for issuer, subject in ((ISSUER, "U-1"), (ISSUER, "u-1 "), ("https://other.example", "u-1"), (ISSUER, "")):
        assert accounts.by_subject(issuer, subject) is None
    assert [(each.issuer, each.subject) for each in accounts.subjects(ben.id)] == [(ISSUER, "u-1")]


def test_an_account_of_a_subject_has_no_password(accounts, database):
    """None is right, whatever is kept; and a wrong one costs as much time as for any account."""
    accounts.add("Ada", PASSWORD, admin=True)
    ben = accounts.add_subject("Ben", ISSUER, "u-1")
    assert kept(database, "Ben") == "" and not accounts.has_password(ben.id)
    for guess in ("", "the password of nobody", PASSWORD):
        assert accounts.check("Ben", guess) is None
    accounts.set_password(ben.id, PASSWORD)
    assert accounts.check("Ben", PASSWORD) == ben and accounts.has_password(ben.id)


def test_a_taken_name_or_subject_is_not_given_twice(accounts):
    """Neither to a subject whose person is called like an account, nor to a second account."""
    ada = accounts.add("Ada", PASSWORD, admin=True)
    with pytest.raises(UsageError, match="taken"):
        accounts.add_subject("ADA", ISSUER, "u-2")
    assert accounts.by_subject(ISSUER, "u-2") is None
    accounts.link(ada.id, ISSUER, "u-2")
    assert accounts.by_subject(ISSUER, "u-2") == ada
    accounts.add("Ben", PASSWORD)
    with pytest.raises(UsageError, match="already"):
        accounts.link(accounts.user("Ben").id, ISSUER, "u-2")
