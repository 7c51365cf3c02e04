"""Refused sign-ins wait longer and longer, by name and by address, and nobody is locked out for good."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from databases import Clock

from pipeline.access.throttle import ADDRESS_WAIT, FREE, NAME_WAIT, Throttle


def tried(throttle: Throttle, clock: Clock, name: str, address: str, times: int) -> list[float]:
    """The waits between tries of somebody who always waits as long as told."""
    waits = []
    for _ in range(times):
        wait = throttle.enter(name, address)
        waits.append(wait)
        if wait:
            clock.now += wait
            assert throttle.enter(name, address) == 0
    return waits


def test_the_wait_doubles_up_to_a_bound(database):
    """Five tries cost nothing, then 1, 2, 4, … seconds; a name is never kept out longer than a minute."""
    clock = Clock()
    waits = tried(Throttle(database, clock), clock, "ada", "10.0.0.1", FREE + 3)
    assert waits == [0.0] * FREE + [1.0, 2.0, 4.0]
    many = Throttle(database, clock)
    spread = [tried(many, clock, "ada", f"10.0.1.{number}", 1)[0] for number in range(20)]
    assert max(spread) == NAME_WAIT


def test_an_address_is_slowed_over_many_names(database):
    """One password tried on every account."""
    clock = Clock()
    throttle = Throttle(database, clock)
    waits = [tried(throttle, clock, f"name {number}", "10.0.0.1", 1)[0] for number in range(30)]
    assert waits[FREE] == 1.0
    assert max(waits) == ADDRESS_WAIT
    assert throttle.enter("somebody", "10.0.0.2") == 0


def test_the_addresses_of_one_household_count_as_one(database):
    """IPv6 gives each house 2⁶⁴ of them."""
    throttle = Throttle(database, Clock())
    waits = [throttle.enter(f"name {number}", f"2001:db8:1:2::{number}") for number in range(FREE + 1)]
    assert waits[-1] > 0
    assert throttle.enter("name", "2001:db8:1:3::1") == 0


def test_a_new_process_remembers(database):
    """The count is in the database, not in the server."""
    clock = Clock()
    for _ in range(FREE):
        Throttle(database, clock).enter("ada", "10.0.0.1")
    assert Throttle(database, clock).enter("ADA ", "10.0.0.9") > 0


def test_a_hundred_tries_at_once_are_a_hundred_tries(database):
    """Each is counted before its password is looked at."""
    throttle = Throttle(database, Clock())
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: throttle.enter("ada", "10.0.0.1"), range(100)))
    assert waits.count(0.0) == FREE


def test_the_right_password_begins_anew(database):
    """For the name; the address keeps what was tried on others, or one's own account would wipe it away."""
    throttle = Throttle(database, Clock())
    for _ in range(FREE - 1):
        throttle.enter("ada", "10.0.0.1")
    throttle.enter("mallory", "10.0.0.1")
    throttle.passed("mallory", "10.0.0.1")
    assert throttle.enter("ada", "10.0.0.9") == 0
    throttle.enter("grace", "10.0.0.1")
    assert throttle.enter("mallory", "10.0.0.1") > 0


def test_a_day_later_it_is_forgotten(database):
    """The next mistake is the first."""
    clock = Clock()
    throttle = Throttle(database, clock)
    tried(throttle, clock, "ada", "10.0.0.1", 10)
    clock.now += 25 * 3600
    assert [throttle.enter("ada", "10.0.0.1") for _ in range(FREE)] == [0.0] * FREE


@pytest.mark.parametrize("hostile", ["", "\0", "\ud800", "x" * 100_000, "'; DROP TABLE attempts; --"])
def test_hostile_names_and_addresses_count_too(database, hostile):
    """Whatever is sent."""
    throttle = Throttle(database, Clock())
    assert [throttle.enter(hostile, hostile) > 0 for _ in range(FREE + 1)] == [False] * FREE + [True]
