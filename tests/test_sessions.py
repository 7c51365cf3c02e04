"""Sessions and API tokens: secrets that the database does not know, and when they end."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from databases import Clock

from pipeline.access.accounts import Accounts
from pipeline.access.sessions import IDLE, LONGEST, Sessions, csrf_of
from pipeline.errors import NotFound, UsageError
from pipeline.tables import metadata

DAY = 24 * 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(database, clock) -> Sessions:
    return Sessions(database, clock)


@pytest.fixture
def ada(database):
    return Accounts(database, PasswordHasher(1, 8, 1)).add("Ada", "a horse of another colour", admin=True)


def test_no_secret_is_in_the_database(database, sessions, ada):
    """Whoever reads every table can neither take over a session nor use a token, nor make a session's forms."""
    secrets = [sessions.open(ada.id, "127.0.0.1", "Firefox"), sessions.give(ada.id, "nightly")]
    secrets.append(csrf_of(secrets[0]))
    with database.read() as connection:
        everything = repr([connection.execute(sa.select(table)).all() for table in metadata.sorted_tables])
    assert "nightly" in everything
    assert not [secret for secret in secrets if secret in everything or secret.removeprefix("muniment_") in everything]
    assert all(len(secret.removeprefix("muniment_")) >= 43 for secret in secrets[:2])  # 256 bits
    assert len({*secrets, sessions.open(ada.id), sessions.give(ada.id, "nightly")}) == 5


def test_a_session_ends_when_nobody_comes(sessions, ada, clock):
    """Each request keeps it open for two hours more; without one it is gone."""
    cookie = sessions.open(ada.id)
    for _ in range(3):
        clock.now += IDLE - 1
        assert sessions.by_cookie(cookie).name == "Ada"
    clock.now += IDLE + 1
    assert sessions.by_cookie(cookie) is None
    assert sessions.of(ada.id) == []


def test_a_session_ends_in_any_case(sessions, ada, clock):
    """However busy: twelve hours after the sign-in it is over."""
    cookie, begun = sessions.open(ada.id), clock.now
    while clock.now < begun + LONGEST - 60:
        assert sessions.by_cookie(cookie) is not None
        clock.now += 59 * 60
    clock.now = begun + LONGEST + 1
    assert sessions.by_cookie(cookie) is None


def test_signing_out_ends_this_session_only(sessions, ada):
    """The other browser stays signed in; ending it by its number works for its owner alone."""
    here, there = sessions.open(ada.id), sessions.open(ada.id)
    sessions.close(here)
    assert sessions.by_cookie(here) is None
    assert sessions.by_cookie(there) is not None
    (left,) = sessions.of(ada.id)
    with pytest.raises(NotFound):
        sessions.end(ada.id + 1, left.id)
    sessions.end(ada.id, left.id)
    assert sessions.by_cookie(there) is None


def test_a_token_opens_until_its_day_and_is_no_admin(sessions, ada, clock):
    """It is listed with its last use; revoked by its owner alone; a session's cookie is no token and the other way."""
    token, cookie = sessions.give(ada.id, "nightly", days=2), sessions.open(ada.id)
    assert sessions.tokens(ada.id)[0].seen is None
    assert sessions.by_token(token).admin is False
    assert sessions.tokens(ada.id)[0].seen == clock.now
    assert sessions.by_token(cookie) is None
    assert sessions.by_cookie(token) is None
    clock.now += 2 * DAY + 1
    assert sessions.by_token(token) is None
    other = sessions.give(ada.id, "other")
    with pytest.raises(NotFound):
        sessions.revoke(ada.id + 1, sessions.tokens(ada.id)[0].id)
    sessions.revoke(ada.id, sessions.tokens(ada.id)[0].id)
    assert sessions.by_token(other) is None


def test_a_token_of_a_disabled_account_opens_nothing(database, sessions, ada):
    """Nor does its session."""
    accounts = Accounts(database, PasswordHasher(1, 8, 1))
    accounts.add("Boss", "a horse of another colour", admin=True)
    token = sessions.give(ada.id, "nightly")
    accounts.disable(ada.id)
    assert sessions.by_token(token) is None


@pytest.mark.parametrize("secret", ["", "x", "\ud800", "' OR 1=1 --", "\0", "é" * 100])
def test_hostile_secrets_open_nothing(sessions, ada, secret):
    """Whatever stands in the cookie or the header."""
    sessions.open(ada.id)
    assert sessions.by_cookie(secret) is None
    assert sessions.by_token(secret) is None
    assert len(csrf_of(secret)) == 64


def test_labels_and_days_are_checked(sessions, ada):
    """A token says what it is for, and lasts a bounded time; a hostile label becomes plain text."""
    for label, days in (("", 1), ("\u202e", 1), ("x", 0), ("x", 3651)):
        with pytest.raises(UsageError):
            sessions.give(ada.id, label, days)
    sessions.give(ada.id, "a\u202eb\0" + "x" * 200)
    assert sessions.tokens(ada.id)[0].label.startswith("a b x")
    assert len(sessions.tokens(ada.id)[0].label) == 100
