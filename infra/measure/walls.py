"""The walls between matters: random requests of users who may see some of them; no answer may hold what they may not.

    python -m infra.measure.walls [--cases 10000] [--seed 7]

A home is made of matters whose documents carry canaries: words in the text, in the file name and in a party's name,
the matter's own name, the document's id, and the bytes of the page images and thumbnails. Beside each canary in the
text stands a bait, a word that may be searched for; so a leak shows even where an answer repeats the question. Users
are allowed and denied matters at random, anew every `REGRANT` cases. A case is a random user and a request to a random
route of the application itself, so a new room is tried without being named here.

Each case must (1) hold no canary of a matter its user may not see, and (2) where it names a document of such a matter,
be the same bytes as for an id that was never given. At the end (3) every answer that names no document must be the same
from a home that never had the hidden matter, for a user who may see all the others, apart from what is `VARYING`.

Prints cases by route and status; exits with 1 and names the cases if one fails. (The administrators' rooms name matters
on purpose, and documents by id; there these are no canaries. Their forms are not sent: they would move the walls.)
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from infra.measure.web_requests import Asked, Route, request, routes
from pipeline.run import ingest_paths
from pipeline.settings import Settings
from pipeline.web.app import create_app
from pipeline.web.guard import Caller
from pipeline.wiring import Tools

__all__ = ["ADMIN", "Case", "Home", "Matter", "build", "compare", "main", "matters_of", "try_walls"]

USERS = ("Ada", "Ben", "Cleo", "Dora")
ADMIN = "Root"
NEWCOMER = "Eve"  # does nothing but compare: what the others leave in their own accounts differs
REGRANT = 50
CHUNK = 48  # bytes of an image that stand for it
ADMIN_ROOMS = ("/people", "/audit", "/api/people", "/api/audit")
LEFT_ALONE = ("/setup",)  # before any account; tested by itself
VARYING = re.compile(r'"(score|at|hash|created|received|started|finished|seconds)": ?[-\d."T:+a-fZ]*')

TEXT = """SERVICES AGREEMENT

This Services Agreement is made on March 3, 2021 by and between Alder Freight Company, a Delaware corporation
("Client"), and {party} Limited, an English company ("Provider"). Contract No. {number}.

1. Services. Provider shall survey the {bait} {secret} warehouses of Client every calendar quarter.

2. Fees. Client shall pay Provider a fee of USD 12,500.00 for each {bait} survey within thirty (30) days.

3. Term. This Agreement begins on April 1, 2021 and expires on March 31, 2024.

4. Governing Law. This Agreement shall be governed by and construed in accordance with the laws of New York.
"""


@dataclass(frozen=True)
class Matter:
    """A matter and what must not get out of it; `bait` may be searched for by anybody."""

    name: str
    bait: str
    secret: str
    party: str
    file: str


@dataclass
class Home:
    """A home of matters, the application over it, and the canaries by matter."""

    tools: Tools
    app: FastAPI
    client: TestClient
    matters: dict[str, Matter]
    documents: dict[str, list[str]]
    canaries: dict[str, list[bytes]]
    routes: list[Route]

    def seen(self, user: str) -> set[str]:
        """The matters this user may see now."""
        return set(self.tools.grants.matters(self.tools.accounts.user(user).id))

    def show_all(self, user: str) -> None:
        """From now on this user may see every matter."""
        _clear(self, user)
        self.tools.grants.set(self.tools.accounts.user(user).id, "*", allowed=True)

    def ask(self, user: str, asked: Asked) -> Any:
        """The answer this user gets."""
        headers = {"x-user": user, "x-csrf-token": "token"} | asked.headers
        return self.client.request(asked.method, asked.url, headers=headers, content=asked.content)


@dataclass
class Case:
    """What a run found: cases by route and status, and what went wrong, in words."""

    counts: Counter[str] = field(default_factory=Counter)
    named_hidden: int = 0
    wrong: list[str] = field(default_factory=list)


def matters_of(number: int, seed: int) -> list[Matter]:
    """Matters with words that stand nowhere else."""
    rng = random.Random(seed)

    def word() -> str:
        return "".join(rng.choice("bcdfglmnprstvz") + rng.choice("aeiou") for _ in range(5))

    return [Matter(word(), word(), word(), word().capitalize(), word()) for _ in range(number)]


def build(folder: Path, matters: Sequence[Matter]) -> Home:
    """Take one document of two pages in for each matter, and put the application over the home."""
    for matter in matters:
        _draw(folder / "inbox" / matter.name / f"{matter.file}.pdf", matter)
    tools = Tools(Settings(home=folder / "home", workers=1))
    ingest_paths([folder / "inbox"], None, tools)
    if not tools.accounts.any():
        for name in (*USERS, ADMIN, NEWCOMER):
            tools.accounts.add(name, "a horse of another colour", admin=name == ADMIN)
    app = create_app(tools, lambda asking: _caller(tools, asking))
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False)
    documents = {matter.name: [each.id for each in tools.catalog.documents([matter.name])] for matter in matters}
    known = [route for route in routes(app) if not route.path.startswith(LEFT_ALONE)]
    home = Home(tools, app, client, {matter.name: matter for matter in matters}, documents, {}, known)
    pictures = {name: _pictures(home, name) for name in home.matters}
    for name, matter in home.matters.items():
        others = [each for other in pictures.keys() - {name} for each in pictures[other]]
        words = [name, matter.secret, matter.party.lower(), matter.file, *home.documents[name]]
        home.canaries[name] = [word.encode() for word in words] + [_chunk(each, others) for each in pictures[name]]
    return home


def try_walls(home: Home, cases: int, seed: int) -> Case:
    """That many random cases; what they found."""
    rng, found = random.Random(seed), Case()
    for number in range(cases):
        if number % REGRANT == 0:
            _regrant(home, rng)
        user = rng.choice((*USERS, ADMIN))
        route = rng.choice([each for each in home.routes if user != ADMIN or not _moves_walls(each)])
        asked = request(route, _values(home), rng)
        answer = home.ask(user, asked)
        found.counts[f"{route.name} {answer.status_code}"] += 1
        label = f"case {seed}:{number}, {user}, {asked.method} {asked.url[:120]}"
        _check(home, user, asked, answer, label, found)
    return found


def compare(home: Home, without: Home, hidden: str) -> tuple[int, list[str]]:
    """Answers to one who may see all but the hidden matter, here and from a home that never had it: how many were
    compared, and which differ. Documents are the same in both homes: ids hang on the content and the matter."""
    user, pairs, wrong = NEWCOMER, 0, []
    for each, kept in ((home, [name for name in home.matters if name != hidden]), (without, list(without.matters))):
        _clear(each, user)
        for name in kept:
            each.tools.grants.set(each.tools.accounts.user(user).id, name, allowed=True)
    for number, asked in enumerate(_overviews(without, hidden, home)):
        here, there = (VARYING.sub(r'"\1":', each.ask(user, asked).text) for each in (home, without))
        pairs += 1
        if here != there:
            wrong.append(f"comparison {number}: {asked.method} {asked.url[:150]} differs: {_difference(here, there)}")
    return pairs, wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    matters = matters_of(5, options.seed)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # an index may still be being flushed
        home = build(Path(folder) / "all", matters)
        found = try_walls(home, options.cases, options.seed)
        without = build(Path(folder) / "without", matters[:-1])
        pairs, wrong = compare(home, without, matters[-1].name)
        for each in (home, without):
            each.tools.release_index()
            each.tools.close()
    wrong = found.wrong + wrong
    summary = {"cases": found.counts.total(), "named a hidden document": found.named_hidden, "compared": pairs}
    print(json.dumps(summary | {"by route": dict(sorted(found.counts.items())), "wrong": wrong}, indent=1))
    return 1 if wrong else 0


def _moves_walls(route: Route) -> bool:
    return route.method != "GET" and route.path.startswith(ADMIN_ROOMS)


def _caller(tools: Tools, asking: Request) -> Caller | None:
    name = asking.headers.get("x-user")
    if name is None:
        return None
    user = tools.accounts.user(name)
    return Caller(user.id, user.name, user.admin, tools.grants.matters(user.id), csrf="token")


def _draw(path: Path, matter: Matter) -> None:
    import pymupdf

    path.parent.mkdir(parents=True, exist_ok=True)
    with pymupdf.open() as document:
        for page in (1, 2):
            number = f"MSA-{matter.name[:4].upper()}-{page}"
            text = TEXT.format(party=matter.party, bait=matter.bait, secret=matter.secret, number=number)
            document.new_page().insert_textbox((60, 60, 540, 780), text, fontsize=11, fontname="tiro")
        document.save(path, no_new_id=True)  # the same bytes each time: ids hang on them


def _pictures(home: Home, matter: str) -> list[bytes]:
    """Each page image and thumbnail of the matter, as one who may see it gets them."""
    _clear(home, ADMIN)
    home.tools.grants.set(home.tools.accounts.user(ADMIN).id, matter, allowed=True)
    found = []
    for document in home.documents[matter]:
        for kind in ("1/image", "1/thumbnail", "2/image", "2/thumbnail"):
            answer = home.ask(ADMIN, Asked("GET", f"/documents/{document}/pages/{kind}"))
            if answer.status_code != 200:
                raise RuntimeError(f"a picture of a granted page was not to be had: {answer.status_code}")
            found.append(answer.content)
    _clear(home, ADMIN)
    return found


def _chunk(picture: bytes, others: Sequence[bytes]) -> bytes:
    """Bytes of the picture that stand in no picture of another matter: all of them are contracts in black on white."""
    for start in range(len(picture) // 2, len(picture) - CHUNK):
        chunk = picture[start : start + CHUNK]
        if not any(chunk in other for other in others):
            return chunk
    raise RuntimeError("two matters have the same picture")


def _values(home: Home) -> Any:
    """Values that aim: ids of documents that are there, words that are in them, names of matters."""
    documents = [id for ids in home.documents.values() for id in ids]
    words = [matter.bait for matter in home.matters.values()]
    names = list(home.matters)

    def value(name: str, schema: dict[str, Any], rng: random.Random) -> Any:
        if schema.get("type") == "array":
            return [value(name, schema.get("items", {}), rng) for _ in range(rng.choice((1, 2)))]
        if schema.get("type") in ("integer", "number"):
            return rng.choice((1, 1, 2, 3))
        if "amount" in name:
            return rng.choice((1, 1_000_000))
        if any(part in name for part in ("dated", "since", "through")):
            return rng.choice(("2020-01-01", "2030-01-01"))
        pools = {"document": documents, "matter": names, "label": ["label"]}  # a label stays in its user's account
        pool = (*words, *words, *names, *documents, f'"{rng.choice(words)}"', "fee", "MSA-", "1", "true", "2021-03-03")
        return rng.choice(schema.get("enum") or pools.get(name, pool))

    return value


def _check(home: Home, user: str, asked: Asked, answer: Any, label: str, found: Case) -> None:
    seen = home.seen(user)
    admin_room = user == ADMIN and asked.url.startswith(ADMIN_ROOMS)
    body = answer.content.lower() if "image" not in answer.headers.get("content-type", "") else answer.content
    whole = body + repr(sorted(answer.headers.items())).encode()
    for name in home.matters.keys() - seen:
        named = [text.encode() for text in (name, *home.documents[name])]
        for canary in home.canaries[name]:
            told = canary.decode("latin-1") in asked.sent or (admin_room and canary in named)
            if canary in whole and not told:
                found.wrong.append(f"{label}: holds a canary of a hidden matter, status {answer.status_code}")
    if answer.status_code >= 500:
        found.wrong.append(f"{label}: status {answer.status_code}")
    for hidden in [] if admin_room else _named(home, home.matters.keys() - seen, asked.url):
        found.named_hidden += 1
        never = "0" * len(hidden)  # no document and no matter is called so
        other = home.ask(user, replace(asked, url=asked.url.replace(hidden, never)))
        same = (answer.status_code, _renamed(answer, hidden, never)) == (other.status_code, _renamed(other, "", ""))
        if not same:
            found.wrong.append(f"{label}: the answer is not that for one that never was")


def _named(home: Home, hidden: Collection[str], url: str) -> list[str]:
    """The hidden matters, and documents of them, that the address names: in its path, or as the matter wanted."""
    path, _, query = url.partition("?")
    ids = [id for name in hidden for id in home.documents[name] if id in path]
    return ids + [name for name in hidden if f"/{name}/" in path or f"matter={name}" in query]


def _renamed(answer: Any, old: str, new: str) -> tuple[str, str]:
    """The whole answer, what it repeats of the address renamed."""
    parts = (answer.content.decode("latin-1"), repr(sorted(answer.headers.items())))
    return (parts[0].replace(old, new), parts[1].replace(old, new)) if old else parts


def _difference(here: str, there: str) -> str:
    first = next((i for i, pair in enumerate(zip(here, there, strict=False)) if len(set(pair)) > 1), 0)
    return f"{here[max(0, first - 60) : first + 60]!r} and {there[max(0, first - 60) : first + 60]!r}"


def _overviews(without: Home, hidden: str, home: Home) -> list[Asked]:
    """Requests to every route that is asked with GET and names nothing in its path; hidden words among the values."""
    rng, matter = random.Random(1), home.matters[hidden]
    questions = [each.bait for each in home.matters.values()] + ["survey fee", matter.secret, matter.name]

    def value(name: str, schema: dict[str, Any], rng: random.Random) -> Any:
        if schema.get("type") == "array":
            return [value(name, schema.get("items", {}), rng)]
        if schema.get("type") in ("integer", "number"):
            return rng.choice((1, 5))
        return rng.choice(schema.get("enum") or [*questions, *home.matters])

    bare = [route for route in without.routes if route.method == "GET" and "{" not in route.path]
    asked = [request(route, value, rng) for route in bare for _ in range(8)]
    return asked + [Asked("GET", f"/api/search?q={question}") for question in questions]


def _regrant(home: Home, rng: random.Random) -> None:
    for user in (*USERS, ADMIN):
        _clear(home, user)
        id = home.tools.accounts.user(user).id
        for name in (*home.matters, "*"):
            draw = rng.random()
            if draw < 0.5:
                home.tools.grants.set(id, name, allowed=draw < 0.3)


def _clear(home: Home, user: str) -> None:
    id = home.tools.accounts.user(user).id
    for grant in home.tools.grants.of(id):
        home.tools.grants.withdraw(id, grant.matter)


if __name__ == "__main__":
    sys.exit(main())
