"""The search page over a home of many pages: what a signed-in browser waits for, and what it costs the server.

The home is the product's own. Its index is filled with points (real pages and synthetic ones), each given what its
document's record would say of it: kind, parties, law, date, drawn with a fixed seed. Its catalog holds a row for each
document and the words of every page, as the index has them, in lines of twelve. `muniment serve` then runs over it in a
process of its own, and an account that may see every matter asks `/` for its 20 hits with quotes, its facets and its
row in the audit log. Every question ends with another word, so none is remembered, in whole or without its names.
What one costs in CPU can be compared on a busy machine; milliseconds need a quiet one.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import numpy as np
import psutil
from pydantic import TypeAdapter
from sqlalchemy import insert

from infra.measure import scale_busy
from infra.measure.scale_curve import BATCH
from pipeline import tables
from pipeline.index import day_number
from pipeline.phrases import tokens
from pipeline.rows import pack
from pipeline.rules.jurisdictions import JURISDICTIONS
from pipeline.stages import versions
from pipeline.types import Box, PageText, TextSource, Word
from schemas.kinds import KINDS

if TYPE_CHECKING:
    from pipeline.backends.protocols import IndexedPage
    from pipeline.wiring import Tools

__all__ = ["Answered", "Served", "answered", "fill", "served", "unlike"]

WORDS_A_LINE, LINES_A_PAGE = 12, 60
LAWS, PARTIES = 30, 400
START_SECONDS = 120.0
HIT = b'<li class="hit">'
_TEXT = TypeAdapter(PageText)


@dataclass(frozen=True, slots=True)
class Answered:
    """The page asked for by so many at once: how often, milliseconds of half and of 95 % of the answers, CPU
    milliseconds of one in the web server and in the index's owner, and hits on one, on average."""

    answers: int
    p50: float
    p95: float
    server: float
    owner: float
    hits: float


@dataclass(frozen=True, slots=True)
class Served:
    """A running `muniment serve`: where it is, the cookie of somebody signed in, its process and the index's owner."""

    address: str
    cookie: str
    server: psutil.Process
    owner: psutil.Process

    def ask(self, connection: http.client.HTTPConnection, question: str) -> bytes:
        """The search page's HTML; `RuntimeError` for any answer but a page."""
        connection.request("GET", f"/?{urlencode({'q': question})}", headers={"cookie": self.cookie})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"the search page answered {answer.status}")
        return body


def fill(tools: Tools, points: Iterable[IndexedPage], seed: int = 0) -> int:
    """Index the points and write what the catalog knows of them; how many there are. None of them was there before."""
    documents: dict[str, dict[str, Any]] = {}
    count = scale_busy.fill(tools, _catalogued(tools, points, documents, seed))
    with tools.catalog.database.write() as connection:
        connection.execute(insert(tables.documents), list(documents.values()))
    return count


@contextmanager
def served(tools: Tools) -> Iterator[Served]:
    """`muniment serve` over this home, warm, and an account that sees everything, signed in."""
    user = tools.accounts.add(f"measure-{secrets.token_hex(4)}", secrets.token_urlsafe(16))
    tools.grants.set(user.id, "*", allowed=True)
    home = tools.settings.root
    command = [sys.executable, "-m", "pipeline", "serve", "--port", "0"]
    environment = os.environ | {"MUNIMENT_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split(" at ")[1].split()[0]
            tools.index.count()
            owner = json.loads((home / "index" / "owner.json").read_text(encoding="utf-8"))["pid"]
            cookie = f"muniment={tools.sessions.open(user.id)}"
            yield Served(address, cookie, psutil.Process(process.pid), psutil.Process(owner))
        finally:
            process.terminate()


def unlike(questions: Sequence[str], vocabulary: Iterable[str], seed: int = 0) -> list[str]:
    """Each question with a word of its own at its end, drawn from the words of these texts."""
    known = {word for text in vocabulary for word in tokens(text) if len(word) > 5 and word.isalpha()}
    drawn = random.Random(seed).sample(sorted(known), len(questions))
    return [f"{question} {word}" for question, word in zip(questions, drawn, strict=True)]


def answered(there: Served, questions: Sequence[str], at_once: int) -> Answered:
    """Every question once, by so many threads with a connection each; the first answers, which warm up, do not
    count."""
    host = urlsplit(there.address).netloc
    lines = [http.client.HTTPConnection(host, timeout=START_SECONDS) for _ in range(at_once)]

    def clocked(line: int, share: Sequence[str]) -> list[tuple[float, int]]:
        found = []
        for question in share:
            start = time.perf_counter()
            body = there.ask(lines[line], question)
            found.append((1e3 * (time.perf_counter() - start), body.count(HIT)))
        return found

    def asked(some: Sequence[str]) -> list[tuple[float, int]]:
        shares = [some[line::at_once] for line in range(at_once)]
        return [one for found in threads.map(clocked, range(at_once), shares) for one in found]

    with ThreadPoolExecutor(at_once) as threads:
        warm = 2 * at_once
        asked(questions[:warm])
        before = _cpu(there.server), _cpu(there.owner)
        found = asked(questions[warm:])
    spent = [
        1e3 * (_cpu(each) - was) / len(found) for each, was in zip((there.server, there.owner), before, strict=True)
    ]
    p50, p95 = np.percentile([milliseconds for milliseconds, _ in found], [50, 95])
    return Answered(len(found), float(p50), float(p95), *spent, float(np.mean([hits for _, hits in found])))


def _catalogued(
    tools: Tools, points: Iterable[IndexedPage], documents: dict[str, dict[str, Any]], seed: int
) -> Iterator[IndexedPage]:
    """The points with what is told of their documents; their words are in the catalog, the rows of their documents
    in `documents`."""
    rest, version = iter(points), versions(tools)["read"]
    while batch := list(islice(rest, BATCH)):
        with tools.catalog.database.write() as connection:
            connection.execute(insert(tables.results), [_result(point, version) for point in batch])
        for point in batch:
            row = documents.setdefault(point.document, _document(point.document, str(point.payload["matter"])))
            row["page_count"] += 1
            yield replace(point, payload={**point.payload, **_told(point.document, seed)})


def _result(point: IndexedPage, version: str) -> dict[str, Any]:
    payload = _TEXT.dump_json(_read(point.page, point.payload["text"][0])).decode()  # type: ignore[index]
    row = {"sha256": _sha256(point.document), "page": point.page, "stage": "read", "version": version}
    return row | {"payload": pack(payload), "seconds": 0.0}


def _told(document: str, seed: int) -> dict[str, Any]:
    """What a record would say of the document, in the words of the index's payload."""
    drawn = random.Random(f"{seed} {document}")
    parties = [f"Party {drawn.randrange(PARTIES)} Holdings, Inc." for _ in range(2)]
    date = f"{drawn.randint(2005, 2025)}-{drawn.randint(1, 12):02}-{drawn.randint(1, 28):02}"
    told = {"kind": drawn.choice(KINDS), "law": drawn.choice(JURISDICTIONS[:LAWS]), "date": date}
    return told | {"party": parties, "parties": [" ".join(tokens(name)) for name in parties], "day": day_number(date)}


def _read(page: int, text: str) -> PageText:
    words = tuple(Word(word, _place(at), 1.0, at // WORDS_A_LINE).rounded() for at, word in enumerate(text.split()))
    return PageText(page, words, TextSource.LAYER, 1.0, "en", "Latin", "trusted")


def _place(at: int) -> Box:
    """On a page with margins of a tenth."""
    line, column = divmod(at, WORDS_A_LINE)
    left, top = 0.1 + 0.8 * column / WORDS_A_LINE, 0.1 + 0.8 * line / LINES_A_PAGE
    return Box(left, top, left + 0.6 / WORDS_A_LINE, top + 0.6 / LINES_A_PAGE)


def _document(id: str, matter: str) -> dict[str, Any]:
    row = {"id": id, "matter": matter, "name": f"{id}.pdf", "sha256": _sha256(id), "status": "done", "reason": ""}
    return row | {"page_count": 0, "received": 0.0, "indexed": "measure"}


def _sha256(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def _cpu(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)
