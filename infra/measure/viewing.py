"""How fast a page opens: its image, its thumbnail (drawn and kept), the page view and the document view, over a socket.

    python -m infra.measure.viewing HOME [--rounds N]

HOME is a home with documents in it. The application is served on loopback and asked one request at a time by a user who
may see every matter, as a browser asks; each figure is a median and a 95th percentile of milliseconds over `rounds`
times every page of the first ten documents. `cpu` is the process time of server and asker together, which a busy
machine changes less. Loopback: what a network adds is not in it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import uvicorn

from pipeline.settings import load_settings
from pipeline.types import Document
from pipeline.web.app import create_app
from pipeline.web.guard import Caller
from pipeline.wiring import Tools, open_tools

DOCUMENTS = 10
Timed = tuple[float, float]


def main() -> None:
    """Measure and print a line for each kind of answer."""
    parser = argparse.ArgumentParser(description="How fast a page opens.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    settings = load_settings(home=arguments.home)
    with open_tools(settings) as tools, _served(tools) as url, httpx2.Client(base_url=url) as web:
        shutil.rmtree(settings.root / "thumbnails", ignore_errors=True)  # they can be drawn anew
        pages = [
            f"/documents/{document.id}/pages/{number}"
            for document in tools.catalog.documents()[:DOCUMENTS]
            for number in _drawn(document, web)
        ]
        print(f"{'':24}{'answers':>8}{'median':>9}{'p95':>9}{'cpu':>9}   ms")
        _line("thumbnail, drawn", _times(web, [f"{page}/thumbnail" for page in pages], 1))
        _line("thumbnail, kept", _times(web, [f"{page}/thumbnail" for page in pages], arguments.rounds))
        _line("page image", _times(web, [f"{page}/image" for page in pages], arguments.rounds))
        _line("page image, 304", _again(web, [f"{page}/image" for page in pages], arguments.rounds))
        _line("page view", _times(web, pages, arguments.rounds))
        views = sorted({page.partition("/pages/")[0] for page in pages})
        _line("document view", _times(web, views, arguments.rounds))


def _drawn(document: Document, web: httpx2.Client) -> list[int]:
    numbers = range(1, document.page_count + 1)
    return [n for n in numbers if web.get(f"/documents/{document.id}/pages/{n}/image").status_code == 200]


def _times(web: httpx2.Client, paths: list[str], rounds: int) -> list[Timed]:
    return [_time(web, path, {}) for _ in range(rounds) for path in paths]


def _again(web: httpx2.Client, paths: list[str], rounds: int) -> list[Timed]:
    tags = {path: web.get(path).headers["etag"] for path in paths}
    return [_time(web, path, {"if-none-match": tags[path]}) for _ in range(rounds) for path in paths]


def _time(web: httpx2.Client, path: str, headers: dict[str, str]) -> Timed:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = web.get(path, headers=headers)
    assert answer.status_code == (304 if headers else 200), f"{path}: {answer.status_code}"
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


def _line(what: str, times: list[Timed]) -> None:
    walls = sorted(wall for wall, _ in times)
    p95 = walls[min(int(len(walls) * 0.95), len(walls) - 1)]
    cpu = statistics.median(cpu for _, cpu in times)
    print(f"{what:24}{len(walls):8}{statistics.median(walls):9.1f}{p95:9.1f}{cpu:9.1f}")


@contextmanager
def _served(tools: Tools) -> Iterator[str]:
    caller = Caller(1, "measure", False, tuple({document.matter for document in tools.catalog.documents()}))
    app = create_app(tools, lambda _request: caller)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    main()
