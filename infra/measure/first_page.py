"""How soon a fresh `muniment serve` answers a browser: `python -m infra.measure.first_page`.

A home of its own with one account gets `--documents` documents of one page (5). Then, `--times` times (3), each
checkout named by `--tree` (this one) starts its server in turn, so that several are measured in one run on one machine;
the signed-in browser asks for the empty search page, and then searches once. Every start is a new process, and a new
owner of the index; the files of the models lie in the page cache from the second start on.
Prints seconds from the start of the process until it listens, from then until the page was answered, and until the
search was, each start in a line and the medians last. `--page-model NAME` switches page images on.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2

from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.wiring import open_tools

__all__ = ["main", "prepare", "start"]

TEXT = "SERVICES AGREEMENT number {0}. Either party may terminate on thirty days notice. Governed by the laws of Ohio."
HERE = Path(__file__).resolve().parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the home, start each checkout in turn, print what it took."""
    parser = argparse.ArgumentParser(prog="python -m infra.measure.first_page", description=__doc__)
    parser.add_argument("--tree", type=Path, action="append", help="a checkout to serve from; repeatable")
    parser.add_argument("--documents", type=int, default=5)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--page-model", default="none", help="name or folder of a page-image model")
    arguments = parser.parse_args(argv)
    trees = [tree.resolve() for tree in arguments.tree or [HERE]]
    found: dict[Path, list[tuple[float, float, float]]] = {tree: [] for tree in trees}
    with tempfile.TemporaryDirectory() as folder:
        cookie = prepare(Path(folder), arguments.documents, arguments.page_model)
        for _ in range(arguments.times):
            for tree in trees:
                found[tree].append(start(tree, Path(folder) / "home", cookie, arguments.page_model))
                print(_line(tree, found[tree][-1]), flush=True)
    for tree, times in found.items():
        middle = [statistics.median(column) for column in zip(*times, strict=True)]
        print("median", _line(tree, (middle[0], middle[1], middle[2])))
    return 0


def prepare(folder: Path, documents: int, page_model: str = "none") -> str:
    """A home under `folder` with that many documents and one account; the cookie of its session comes back."""
    import pymupdf

    inbox = folder / "inbox" / "alder"
    inbox.mkdir(parents=True)
    for number in range(documents):
        with pymupdf.open() as pdf:
            pdf.new_page().insert_text((72, 72), TEXT.format(number))
            pdf.save(inbox / f"{number}.pdf")
    with open_tools(load_settings(home=folder / "home", page_model=page_model)) as tools:
        ingest_paths([folder / "inbox"], None, tools)
        user = tools.accounts.add("Ada", "a horse of another colour", admin=True)
        tools.grants.set(user.id, "*", allowed=True)
        tools.release_index()
        return tools.sessions.open(user.id)


def start(tree: Path, home: Path, cookie: str, page_model: str = "none") -> tuple[float, float, float]:
    """Seconds until the server listens, then until `/` is answered, then until a search is."""
    given = {"PYTHONPATH": str(tree), "MUNIMENT_HOME": str(home), "MUNIMENT_PAGE_MODEL": page_model}
    command = [sys.executable, "-P", "-m", "pipeline", "serve", "--port", "0"]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=tree, env=os.environ | given, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = re.search(r"http://\S+", server.stdout.readline())
            if said is None:
                raise RuntimeError("the server did not start")
            listening = time.perf_counter()
            with httpx2.Client(base_url=said[0], cookies={"muniment": cookie}, timeout=300) as browser:
                return (listening - began, _asked(browser, "/"), _asked(browser, "/?q=notice"))
        finally:
            server.terminate()


def _asked(browser: httpx2.Client, address: str) -> float:
    began = time.perf_counter()
    answer = browser.get(address)
    if answer.status_code != 200:
        raise RuntimeError(f"{address} was answered with {answer.status_code}")
    return time.perf_counter() - began


def _line(tree: Path, times: tuple[float, float, float]) -> str:
    listens, page, search = times
    return f"{tree.name}: listens after {listens:.2f} s, first page {page:.2f} s, first search {search:.2f} s"


if __name__ == "__main__":
    raise SystemExit(main())
