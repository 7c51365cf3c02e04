"""The walls between matters, and the application's refusals: every route is tried, found in the application itself."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infra.measure import walls
from infra.measure.web_requests import Asked, request

CASES, FUZZED, SEED = 1000, 600, 7
LONGEST_URL = 20_000  # httpx sends none above 65,536 once it is encoded; bodies have 100 kB

OPEN = {
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-in/oidc",
    "GET /sign-in/oidc/back",
    "GET /setup",
    "POST /setup",
    "GET /health",
    "GET /favicon.ico",
}
"""What answers a caller whom nobody knows; beside it only /static."""

HOSTILE = (
    "",
    " ",
    "\0",
    "\ud800",
    "\u202eevil",
    "<script>alert(1)</script>",
    "'; DROP TABLE documents; --",
    "../../etc/passwd",
    "%s%n{0}{{7*7}}",
    '"',
    '"unclosed phrase',
    "é" * 50,
    "x" * 100_000,
    "9" * 400,
    "-1",
    "0",
    "1",
    "2147483648",
    "9223372036854775808",
    "1e309",
    "nan",
    "true",
    "2021-02-30",
    "9999-12-31",
    "0001-01-01",
    "allow",
    "*",
    "csv",
    "token",
)
NUMBERS = (0, 1, 2, -1, 2**31, 2**63, 10**30, 1.5, float("inf"), float("nan"), True, None)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[walls.Home]:
    """Three matters with canaries, and the application over them."""
    built = walls.build(tmp_path_factory.mktemp("walls"), walls.matters_of(3, SEED))
    yield built
    built.tools.release_index()
    built.tools.close()


@pytest.fixture(scope="module")
def without(tmp_path_factory) -> Iterator[walls.Home]:
    """The same without the last matter."""
    built = walls.build(tmp_path_factory.mktemp("without"), walls.matters_of(3, SEED)[:-1])
    yield built
    built.tools.release_index()
    built.tools.close()


def test_no_answer_holds_what_its_reader_may_not_see(home):
    """Random users, grants and requests to every route; `python -m infra.measure.walls` tries ten thousand."""
    found = walls.try_walls(home, CASES, SEED)
    assert found.wrong == []
    assert found.named_hidden > CASES / 20
    tried = {name.rpartition(" ")[0] for name in found.counts}
    assert tried >= {route.name for route in home.routes if route.method == "GET"}
    answered = {name.split()[1] for name in found.counts if name.endswith(" 200")}
    assert answered >= {"/api/search", "/documents/{document}/pages/{number}/image", "/documents/{document}"}


def test_the_canaries_are_there_for_who_may_see_them(home):
    """Else the walls would hold whatever leaked: granted, each kind of canary comes back."""
    newcomer = home.tools.accounts.user(walls.NEWCOMER).id
    for matter in home.matters.values():
        home.tools.grants.set(newcomer, matter.name, allowed=True)
        answer = home.ask(walls.NEWCOMER, Asked("GET", f"/api/search?q={matter.bait}")).text.lower()
        for canary in (matter.name, matter.secret, matter.file):
            assert canary in answer
        (document,) = home.documents[matter.name]
        assert matter.party.lower() in home.ask(walls.NEWCOMER, Asked("GET", f"/api/documents/{document}")).text.lower()


def test_a_hidden_matter_changes_no_list_and_no_count(home, without):
    """Every overview is the same as from a home that never had the matter."""
    pairs, wrong = walls.compare(home, without, list(home.matters)[-1])
    assert wrong == []
    assert pairs > 50


def test_nothing_answers_a_stranger(home):
    """A new room is refused by default: only the listed routes answer without a session or a token."""
    rng = random.Random(SEED)
    for route in home.routes:
        if route.name in OPEN:
            continue
        asked = request(route, lambda name, schema, rng: "1", rng)
        url = asked.url.partition("?")[0]
        for headers in ({}, {"authorization": "Bearer nonsense"}, {"cookie": "muniment=nonsense"}):
            answer = home.client.request(asked.method, url, headers=headers | asked.headers, content=asked.content)
            refused = answer.status_code == 401 or (
                answer.status_code == 303 and answer.headers["location"].startswith("/sign-in?next=")
            )
            assert refused, f"{route.name} answers a stranger with {answer.status_code}"


def test_the_open_routes_are_these(home):
    """The list above names routes that exist; a renamed one must not stay open by accident."""
    names = {route.name for route in home.routes} | {"GET /setup", "POST /setup"}
    assert names >= OPEN


def test_every_route_that_changes_something_wants_the_token_of_the_form(home):
    """Without it, with another one, or from another site: nothing is done, whoever is signed in."""
    rng = random.Random(SEED)
    for user in (walls.USERS[0], walls.ADMIN):
        home.show_all(user)
    changing = [route for route in home.routes if route.method not in ("GET", "HEAD") and route.name not in OPEN]
    assert len(changing) > 10
    for route in changing:
        for user in (walls.USERS[0], walls.ADMIN):
            asked = request(route, _friendly(home), rng)
            for headers in (
                {},
                {"x-csrf-token": "wrong"},
                {"x-csrf-token": "token", "origin": "https://evil.example"},
                {"x-csrf-token": "token", "origin": "null"},
                {"x-csrf-token": "token", "sec-fetch-site": "cross-site"},
                {"x-csrf-token": "token", "sec-fetch-site": "same-site"},
            ):
                sent = {"x-user": user} | headers | asked.headers
                answer = home.client.request(asked.method, asked.url, headers=sent, content=asked.content)
                # 422: its body is read first; it was not done either
                assert answer.status_code in (403, 422), f"{route.name} {headers}: {answer.status_code}"
            assert _refused_by_token_alone(home, route, user), f"{route.name} was never refused for its token"


def test_every_answer_has_the_headers(home):
    """The policy that nothing inline runs and nothing is framed, on pages, JSON, errors and pictures alike."""
    rng = random.Random(SEED)
    for route in home.routes:
        answer = home.ask(walls.USERS[0], request(route, _friendly(home), rng))
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy or policy == "sandbox", route.name  # the original runs nothing at all
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "public" not in answer.headers["cache-control"]


def test_no_request_is_an_error_of_ours(home):
    """Hostile values in every parameter and field, missing and extra ones, bodies that are none: never a 500."""
    rng = random.Random(SEED)
    for number in range(FUZZED):
        user, route = rng.choice((walls.USERS[0], walls.ADMIN)), rng.choice(home.routes)
        asked = request(route, _hostile(home), rng, sloppy=True)
        asked = replace(asked, url=asked.url[:LONGEST_URL])
        answer = home.ask(user, asked)
        assert answer.status_code < 500, (
            f"case {number}: {user} {asked.method} {asked.url[:300]!r} {asked.content[:300]!r}"
        )
        if asked.url.startswith("/api/") and answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code


def _friendly(home: walls.Home) -> Any:
    (document,) = next(iter(home.documents.values()))

    def value(name: str, schema: dict[str, Any], rng: random.Random) -> Any:
        if schema.get("type") == "array":
            return []
        if name == "document":
            return document
        return 1 if schema.get("type") in ("integer", "number") else rng.choice(schema.get("enum") or ["1"])

    return value


def _refused_by_token_alone(home: walls.Home, route: Any, user: str) -> bool:
    """Whether some well-made request to the route is refused without the token: else a 422 would hide its absence."""
    rng = random.Random(SEED)
    for _ in range(20):
        asked = request(route, _friendly(home), rng)
        headers = {"x-user": user} | asked.headers
        if home.client.request(asked.method, asked.url, headers=headers, content=asked.content).status_code == 403:
            return True
    return False


def _hostile(home: walls.Home) -> Any:
    known = [id for ids in home.documents.values() for id in ids] + list(home.matters)

    def value(name: str, schema: dict[str, Any], rng: random.Random) -> Any:
        if schema.get("type") == "array" and rng.random() < 0.7:
            return [value(name, schema.get("items", {}), rng) for _ in range(rng.choice((0, 1, 3)))]
        if rng.random() < 0.3:
            return rng.choice(known)
        if rng.random() < 0.3 and schema.get("type") in ("integer", "number"):
            return rng.choice((1, 2, 3))
        if rng.random() < 0.2:
            return rng.choice(schema.get("enum") or NUMBERS)
        return rng.choice(HOSTILE)

    return value
