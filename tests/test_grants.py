"""Grants: allowed one by one or all, and a denial stands over both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from pipeline.access.accounts import Accounts
from pipeline.access.grants import EVERY, Grants
from pipeline.catalog import Catalog, document_id
from pipeline.errors import UsageError
from pipeline.types import Document

MATTERS = ("alder", "dune", "zürich")


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as opened:
        for number, matter in enumerate((*MATTERS, "alder")):
            sha256 = f"{number:064x}"
            opened.add(Document(document_id(matter, sha256), matter, f"{number}.pdf", sha256), f"/in/{number}.pdf")
        yield opened


@pytest.fixture
def user(catalog: Catalog) -> int:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Accounts(catalog.database, hasher).add("Ada", "a horse of another colour").id


@pytest.mark.parametrize(
    ("allowed", "denied", "seen"),
    [
        ((), (), ()),
        (("dune",), (), ("dune",)),
        (("dune", "nowhere"), (), ("dune",)),
        ((EVERY,), (), MATTERS),
        ((EVERY,), ("dune",), ("alder", "zürich")),
        (("alder", "dune"), ("dune",), ("alder",)),
        (("alder",), (EVERY,), ()),
        ((), ("alder",), ()),
    ],
)
def test_what_is_seen(catalog, user, allowed, denied, seen):
    """Every combination of allowing one, allowing all, and denying."""
    grants = Grants(catalog.database)
    for matter in allowed:
        grants.set(user, matter, allowed=True)
    for matter in denied:
        grants.set(user, matter, allowed=False)
    assert sorted(grants.matters(user)) == sorted(seen)
    assert grants.every_matter(user) == (allowed == (EVERY,) and not denied)


def test_a_grant_counts_at_once_and_for_one_user_only(catalog, user):
    """Given, denied, withdrawn: the next question gets the new answer; a matter that comes later is seen then."""
    grants = Grants(catalog.database)
    other = Accounts(catalog.database, PasswordHasher(1, 8, 1)).add("Grace", "a horse of another colour").id
    grants.set(user, "later", allowed=True)
    assert grants.matters(user) == ()
    sha256 = "f" * 64
    catalog.add(Document(document_id("later", sha256), "later", "x.pdf", sha256), "/in/x.pdf")
    assert grants.matters(user) == ("later",)
    grants.set(user, "later", allowed=False)
    assert grants.matters(user) == ()
    assert grants.withdraw(user, "later")
    assert not grants.withdraw(user, "later")
    assert grants.of(user) == grants.of(other) == []
    assert grants.matters(other) == ()


def test_names_of_matters_are_made_as_everywhere(catalog, user):
    """A decomposed ü means the same matter; what can't be a matter is refused."""
    grants = Grants(catalog.database)
    grants.set(user, " zu\u0308rich ", allowed=True)
    assert grants.matters(user) == ("zürich",)
    for hostile in ("", "a/b", "a\0b", "x" * 101, "\u202ea"):
        with pytest.raises(UsageError):
            grants.set(user, hostile, allowed=True)


def test_all_matters_there_are(catalog):
    """Each once, in order."""
    assert Grants(catalog.database).known_matters() == tuple(sorted(MATTERS, key=str.encode))
