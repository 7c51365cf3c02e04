"""The catalog's contract, over SQLite and (when MUNIMENT_TEST_POSTGRES_URL is set) over PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from pipeline.catalog import Catalog, document_id
from pipeline.errors import CatalogError, NotFound, UsageError
from pipeline.types import Box, Document, DocumentStatus, FieldStatus, Finding, PageOutcome, PageStatus, Route

HOSTILE = "'; DROP TABLE documents; -- \0 \udcff \ud800 %s :x \u202e\n\x1b[31m \U0001f4dc"

OUTCOMES = [
    PageOutcome(1, Route.TEXT, ("clean text layer",), PageStatus.EXTRACTED),
    PageOutcome(2, Route.FRONTIER, ("handwriting", "stamp over text"), PageStatus.AWAITING),
    PageOutcome(3, None, ("the worker died",), PageStatus.HELD),
]
FINDINGS = [
    Finding("amounts", 1, "$1", "USD 1.00", "pays $1", 0.5, "rules@1", {"purpose": "fee"}, (Box(0.1, 0.2, 0.3, 0.4),)),
    Finding("parties", 2, "Acme", "Acme", "Acme", 1.0, "rules@1", status=FieldStatus.VERIFIED),
]


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as opened:
        yield opened


def make(name: str = "a.pdf", matter: str = "acme", sha256: str = "") -> Document:
    sha256 = sha256 or uuid.uuid5(uuid.NAMESPACE_URL, name).hex * 2
    return Document(document_id(matter, sha256), matter, name, sha256)


def added(catalog: Catalog, name: str = "a.pdf", matter: str = "acme", sha256: str = "") -> Document:
    return catalog.add(make(name, matter, sha256), f"/inbox/{matter}/{name}")[0]


def python(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def together(script: str, count: int, *arguments: object) -> None:
    """Start the script in several processes; each says `ready` and waits, so that they run at one moment."""
    processes = [python(script, *arguments, number) for number in range(count)]
    assert [said(process) for process in processes] == ["ready"] * count
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * count, ends


# ---- documents


def test_a_document_is_registered_once(catalog: Catalog) -> None:
    """The same content in the same matter is the document already there, with one more source."""
    first, created = catalog.add(make("a.pdf"), "/inbox/a.pdf")
    catalog.set_status(first.id, DocumentStatus.DONE, "", 7)
    again, created_again = catalog.add(make("b.pdf", sha256=first.sha256), "/inbox/b.pdf")
    assert (created, created_again) == (True, False)
    assert again == replace(first, status=DocumentStatus.DONE, page_count=7)
    assert catalog.sources(first.id) == ["/inbox/a.pdf", "/inbox/b.pdf"]
    assert catalog.add(make("a.pdf"), "/inbox/a.pdf") == (again, False)
    assert len(catalog.sources(first.id)) == 2


def test_the_same_content_in_another_matter_is_another_document(catalog: Catalog) -> None:
    """Ids tell the matters apart and are the same on every machine."""
    one, other = added(catalog, matter="acme"), added(catalog, matter="zeta")
    assert one.sha256 == other.sha256 and one.id != other.id
    assert document_id("acme", "ab" * 32) == "569e3df68b1d"


def test_ids_that_collide_are_told_apart(catalog: Catalog) -> None:
    """Two contents whose twelve digits happen to agree never become one document, on any run."""
    one = added(catalog)
    clash = replace(make("other.pdf"), id=one.id)
    other, created = catalog.add(clash, "/inbox/other.pdf")
    assert created and other == replace(clash, id=document_id("acme", clash.sha256, 24))
    assert catalog.add(clash, "/inbox/other.pdf") == (other, False)
    assert catalog.document(one.id) == one


def test_a_document_is_found_by_id_name_and_prefix(catalog: Catalog) -> None:
    """In that order; four digits make a prefix; the name of any source will do."""
    document = added(catalog, "lease.pdf")
    catalog.add(replace(document, name="copy of lease.pdf"), "/inbox/copy of lease.pdf")
    for key in (document.id, document.id[:4], document.id[:11], "lease.pdf", "copy of lease.pdf"):
        assert catalog.document(key) == document
    for key in (document.id[:3], "lease", "LEASE.PDF", "%", "", document.id + "0"):
        with pytest.raises(NotFound):
            catalog.document(key)


def test_an_ambiguous_name_lists_the_ids(catalog: Catalog) -> None:
    """A person can choose; a name that is ambiguous across matters is not within one."""
    one, other = added(catalog, matter="acme"), added(catalog, matter="zeta")
    with pytest.raises(UsageError) as error:
        catalog.document("a.pdf")
    assert one.id in str(error.value) and other.id in str(error.value)
    assert catalog.document("a.pdf", ["zeta"]) == other
    with pytest.raises(NotFound):
        catalog.document(one.id, ["zeta"])


def test_an_ambiguous_prefix_lists_the_ids(catalog: Catalog) -> None:
    """Two ids that begin alike need more digits."""
    for end in "01":
        catalog.add(replace(make(f"{end}.pdf"), id=f"abcd1234567{end}"), "/x")
    with pytest.raises(UsageError, match="abcd12345670, abcd12345671"):
        catalog.document("abcd")
    assert catalog.document("abcd12345671").name == "1.pdf"


def test_documents_are_listed_by_matter_and_status(catalog: Catalog) -> None:
    """None is every matter, an empty list is none at all; the order is that of arrival."""
    a, b, c = added(catalog, "a"), added(catalog, "b", "zeta"), added(catalog, "c")
    catalog.set_status(b.id, DocumentStatus.HELD, "look at it")
    assert [d.id for d in catalog.documents()] == [a.id, b.id, c.id]
    assert catalog.documents(["acme"]) == [a, c]
    assert catalog.documents([]) == []
    assert [d.id for d in catalog.documents(status=DocumentStatus.HELD)] == [b.id]
    assert catalog.documents(["acme"], DocumentStatus.HELD) == []


def test_a_status_keeps_its_reason_as_one_line(catalog: Catalog) -> None:
    """Without a page count the known one stays; an unknown document is not found."""
    document = added(catalog)
    catalog.set_status(document.id, DocumentStatus.HELD, "first\nsecond \x1b[31m", 3)
    catalog.set_status(document.id, DocumentStatus.REJECTED, "first\nsecond \x1b[31m")
    now = catalog.document(document.id)
    assert (now.status, now.reason, now.page_count) == (DocumentStatus.REJECTED, "first second \\x1b[31m", 3)
    with pytest.raises(NotFound):
        catalog.set_status("0" * 12, DocumentStatus.DONE)


def test_an_unread_file_goes_once_it_is_read(catalog: Catalog) -> None:
    """The placeholder of a file or its folder goes with its first reading, in the same matter only."""
    unread = Document("1" * 12, "acme", "a.pdf", "", DocumentStatus.HELD, "can't be read")
    folder = replace(unread, id="2" * 12, name="shut")
    others = [replace(unread, id="3" * 12, matter="zeta"), replace(unread, id="4" * 12, name="b.pdf")]
    for document, path in zip([unread, folder, *others], ["/in/a.pdf", "/in", "/in/a.pdf", "/in/b.pdf"], strict=True):
        catalog.add(document, path)
    read = catalog.add(make(), "/in/a.pdf")[0]
    assert {d.id for d in catalog.documents()} == {read.id, *(other.id for other in others)}


def test_hostile_text_is_only_text(catalog: Catalog) -> None:
    """Quotes, NUL, broken bytes, escapes and placeholders come back as harmless text from every column."""
    safe = HOSTILE.replace("\0", "\ufffd").replace("\udcff", "\ufffd").replace("\ud800", "\ufffd")
    document, _ = catalog.add(make(HOSTILE, HOSTILE, "cd" * 32), HOSTILE)
    assert document.matter == safe
    assert catalog.documents([HOSTILE]) == [document] == [catalog.document(HOSTILE)]
    assert "\n" not in document.name and "\x1b" not in document.name
    finding = replace(FINDINGS[0], raw=HOSTILE, value=HOSTILE, quote=HOSTILE, extractor=HOSTILE, detail={"k": HOSTILE})
    outcome = PageOutcome(1, None, (HOSTILE,), PageStatus.HELD)
    catalog.finish(document.id, DocumentStatus.HELD, HOSTILE, [outcome], HOSTILE, [finding])
    catalog.save("ab" * 32, 0, "read", "v", HOSTILE, 0.1)
    assert catalog.pages(document.id) == [outcome]
    assert catalog.record(document.id) == safe
    [kept] = catalog.findings(document.id)
    assert (kept.raw, kept.value, kept.quote, kept.extractor, kept.detail) == (safe,) * 4 + ({"k": HOSTILE},)
    assert catalog.result("ab" * 32, 0, "read", "v") == HOSTILE
    assert catalog.pages(HOSTILE) == catalog.sources(HOSTILE) == []
    with pytest.raises(NotFound):
        catalog.set_indexed(HOSTILE, HOSTILE)
    assert len(catalog.documents()) == 1


def test_very_long_text_is_kept(catalog: Catalog) -> None:
    """No value, path or name is too long for an index row (PostgreSQL stops at 2,704 bytes)."""
    long = "".join(chr(0x4E00 + i % 20_000) for i in range(40_000))
    document, _ = catalog.add(make(long), "/" + long)
    catalog.set_record(document.id, long, [replace(FINDINGS[0], value=long, quote=long)])
    catalog.set_indexed(document.id, long)
    widest = "".join(chr(0x20000 + i * 7) for i in range(600))  # four bytes each
    catalog.set_pages(document.id, [PageOutcome(1, None, (widest,), PageStatus.HELD)])
    assert catalog.pages(document.id)[0].reasons == (widest,)
    assert (catalog.document(long).name, catalog.sources(document.id)) == (long, ["/" + long])
    assert catalog.findings(document.id)[0].quote == catalog.record(document.id) == catalog.indexed(document.id) == long


# ---- stage results


def test_a_result_is_kept_under_its_key(catalog: Catalog) -> None:
    """Content, page, stage and version each tell results apart; a second save of a key changes nothing."""
    sha256 = "ab" * 32
    assert catalog.result(sha256, 1, "read", "v1") is None
    catalog.save(sha256, 2, "read", "v1", "[2]", 0.5)
    catalog.save(sha256, 1, "read", "v1", "[1]", 0.25)
    catalog.save(sha256, 1, "read", "v1", "[1, 1]", 9.0)
    catalog.save(sha256, 1, "read", "v2", "[3]", 1.0)
    catalog.save(sha256, 0, "merge", "v1", "{}", 1.0)
    catalog.save("cd" * 32, 1, "read", "v1", "[4]", 1.0)
    assert catalog.results(sha256, "read", "v1") == {1: "[1]", 2: "[2]"}
    assert list(catalog.results(sha256, "read", "v1")) == [1, 2]
    assert catalog.result(sha256, 1, "read", "v2") == "[3]"
    assert catalog.results(sha256, "merge", "v1") == {0: "{}"}


def test_results_of_several_pages_are_kept_all_or_none(catalog: Catalog) -> None:
    """What the key already has stays; a page that can't be kept takes the others with it."""
    sha256, none = "ab" * 32, cast("int", None)
    catalog.save(sha256, 2, "triage", "v1", "[2]", 0.5)
    catalog.remember(sha256, "triage", "v1", {1: "[1]", 2: "[2, 2]"}, 0.1)
    with pytest.raises(CatalogError):
        catalog.remember(sha256, "triage", "v1", {3: "[3]", none: "[4]"}, 0.1)
    catalog.remember(sha256, "triage", "v1", {}, 0.1)
    assert catalog.results(sha256, "triage", "v1") == {1: "[1]", 2: "[2]"}


def test_a_result_is_overwritten_on_demand_only(catalog: Catalog) -> None:
    """The first stays unless it is to be replaced; other versions of the stage stay beside it and are named."""
    sha256 = "ab" * 32
    for payload in ("[1]", "[2]"):
        catalog.save(sha256, 1, "frontier", "v1 a", payload, 1.0)
    assert catalog.result(sha256, 1, "frontier", "v1 a") == "[1]"
    catalog.overwrite(sha256, 1, "frontier", "v1 a", "[3]")
    catalog.overwrite(sha256, 1, "frontier", "v1 b", "[4]")
    catalog.save("cd" * 32, 1, "frontier", "v2", "[5]", 1.0)
    assert catalog.result_versions(sha256, "frontier") == ["v1 a", "v1 b"]
    assert catalog.results(sha256, "frontier", "v1 a") == {1: "[3]"}


def test_a_large_result_comes_back_whole(catalog: Catalog) -> None:
    """Two megabytes, far above what a page's words take."""
    payload = "".join(chr(0x20 + i * 7919 % 0x2000) for i in range(1_000_000))
    catalog.save("ab" * 32, 1, "read", "v", payload, 1.0)
    assert catalog.result("ab" * 32, 1, "read", "v") == payload


# ---- pages, findings, record


def test_pages_are_replaced(catalog: Catalog) -> None:
    """Given in any order, read in page order; the new ones are all there is."""
    document = added(catalog)
    catalog.set_pages(document.id, OUTCOMES[::-1])
    assert catalog.pages(document.id) == OUTCOMES
    catalog.set_pages(document.id, OUTCOMES[:1])
    assert catalog.pages(document.id) == OUTCOMES[:1]
    assert catalog.pages("0" * 12) == []
    with pytest.raises(NotFound):
        catalog.set_pages("0" * 12, OUTCOMES)


def test_page_totals_count_within_matters(catalog: Catalog) -> None:
    """By status; the wall stands inside the query."""
    one, other = added(catalog, matter="acme"), added(catalog, matter="zeta")
    catalog.set_pages(one.id, OUTCOMES)
    catalog.set_pages(other.id, OUTCOMES[:1])
    assert catalog.page_totals() == {PageStatus.EXTRACTED: 2, PageStatus.AWAITING: 1, PageStatus.HELD: 1}
    assert catalog.page_totals(["zeta"]) == {PageStatus.EXTRACTED: 1}
    assert catalog.page_totals([]) == {}


def test_a_record_and_its_findings_are_replaced(catalog: Catalog) -> None:
    """Findings come back equal and in order; a confidence that is no number is none at all."""
    document = added(catalog)
    assert (catalog.record(document.id), catalog.findings(document.id)) == (None, [])
    catalog.set_record(document.id, '{"a": 1}', FINDINGS)
    assert (catalog.record(document.id), catalog.findings(document.id)) == ('{"a": 1}', FINDINGS)
    catalog.set_record(document.id, "{}", [replace(FINDINGS[0], confidence=float("nan"))])
    assert catalog.findings(document.id) == [replace(FINDINGS[0], confidence=0.0)]


def test_a_document_is_finished_at_once(catalog: Catalog) -> None:
    """Status, reason, page count, pages, record and findings together."""
    document = added(catalog)
    catalog.finish(document.id, DocumentStatus.AWAITING, "page 2 waits", OUTCOMES, "{}", FINDINGS)
    now = catalog.document(document.id)
    assert (now.status, now.reason, now.page_count) == (DocumentStatus.AWAITING, "page 2 waits", 3)
    assert catalog.pages(document.id) == OUTCOMES
    assert (catalog.record(document.id), catalog.findings(document.id)) == ("{}", FINDINGS)


def test_a_finish_that_fails_changes_nothing(catalog: Catalog) -> None:
    """The last finding breaks: status, pages and record are as before."""
    document = added(catalog)
    catalog.finish(document.id, DocumentStatus.DONE, "", OUTCOMES, '"old"', FINDINGS)
    broken = [FINDINGS[0], replace(FINDINGS[1], detail={"k": object()})]  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        catalog.finish(document.id, DocumentStatus.HELD, "new", OUTCOMES[:1], '"new"', broken)
    now = catalog.document(document.id)
    assert (now.status, now.reason, now.page_count) == (DocumentStatus.DONE, "", 3)
    assert catalog.pages(document.id) == OUTCOMES
    assert (catalog.record(document.id), catalog.findings(document.id)) == ('"old"', FINDINGS)


# ---- index, meta


def test_the_index_that_holds_a_document_is_remembered(catalog: Catalog) -> None:
    """By its signature, the latest one; None for a document in no index."""
    one, other = added(catalog, "a"), added(catalog, "b")
    for signature in ("minilm@1", "minilm@2"):
        catalog.set_indexed(one.id, signature)
    assert (catalog.indexed(one.id), catalog.indexed(other.id)) == ("minilm@2", None)


def test_meta_is_overwritten(catalog: Catalog) -> None:
    """The last value counts."""
    assert catalog.meta("index") is None
    catalog.set_meta("index", "a")
    catalog.set_meta("index", "b")
    assert catalog.meta("index") == "b"


# ---- runs


def test_a_run_is_written_down(catalog: Catalog) -> None:
    """Running while its process lives, then what it was finished with; newest first."""
    one = catalog.start_run("ingest")
    two = catalog.start_run("nightly")
    assert [run.status for run in catalog.runs()] == ["running", "running"]
    catalog.finish_run(one, {"read": 1.5}, {"pages": 3}, "finished")
    assert [(run.id, run.kind) for run in catalog.runs()] == [(two, "nightly"), (one, "ingest")]
    ended = catalog.runs()[1]
    assert (ended.status, ended.seconds, ended.totals, ended.pid) == (
        "finished",
        {"read": 1.5},
        {"pages": 3},
        os.getpid(),
    )
    assert ended.finished is not None and ended.finished >= ended.started
    assert [run.id for run in catalog.runs(1)] == [two]
    with pytest.raises(NotFound):
        catalog.finish_run(999, {}, {})


def test_a_run_whose_process_was_killed_is_interrupted(catalog: Catalog, url: str) -> None:
    """Alive it runs, killed it is interrupted, although it could not say so itself."""
    script = """
        import sys
        from pipeline.catalog import Catalog
        print(Catalog.open(sys.argv[1]).start_run("ingest"), flush=True)
        sys.stdin.readline()
    """
    process = python(script, url)
    number = int(said(process))
    assert [(run.id, run.status) for run in catalog.runs()] == [(number, "running")]
    process.kill()
    process.wait()
    assert [(run.id, run.status) for run in catalog.runs()] == [(number, "interrupted")]
    process.communicate()


def test_a_run_is_not_taken_for_a_later_process_of_its_number(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pid that was given out again does not keep a dead run alive; another host's runs are not judged here."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to tell processes of one number apart")
    monkeypatch.setattr("pipeline.processes.birth", lambda pid: "earlier boot:1")
    catalog.start_run("ingest")
    monkeypatch.undo()
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    monkeypatch.setattr("os.getpid", lambda: 2**22 + 1)
    catalog.start_run("ingest")
    monkeypatch.undo()
    assert [run.status for run in catalog.runs()] == ["running", "interrupted"]


# ---- many at once


def test_threads_share_one_catalog(catalog: Catalog) -> None:
    """Sixteen threads register, save, finish and read the same documents; nothing is lost or doubled."""
    shared = [make(f"{number}.pdf") for number in range(10)]

    def work(thread: int) -> int:
        created = 0
        for number, document in enumerate(shared):
            created += catalog.add(document, f"/inbox/{thread}/{number}.pdf")[1]
            catalog.save(document.sha256, thread, "read", "v", f"[{thread}]", 0.1)
            catalog.finish(document.id, DocumentStatus.DONE, "", OUTCOMES, "{}", FINDINGS)
            assert catalog.pages(document.id) == OUTCOMES
        return created

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(work, range(16))) == len(shared)
    for document in shared:
        assert len(catalog.sources(document.id)) == 16
        assert catalog.results(document.sha256, "read", "v") == {thread: f"[{thread}]" for thread in range(16)}


def test_processes_share_one_catalog(catalog: Catalog, url: str) -> None:
    """Three processes with four threads each write while this one reads; nobody ever meets a lock."""
    script = """
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from pipeline.catalog import Catalog, document_id
        from pipeline.types import Document, DocumentStatus, PageOutcome, PageStatus
        catalog, me = Catalog.open(sys.argv[1]), int(sys.argv[2])
        print("ready", flush=True)
        sys.stdin.readline()
        def work(thread):
            for number in range(15):
                sha256 = f"{number:064x}"
                document = Document(document_id("m", sha256), "m", f"{number}.pdf", sha256)
                document, _ = catalog.add(document, f"/inbox/{me}/{number}.pdf")
                for writer in (me * 4 + thread, 99):
                    catalog.save(sha256, writer, "read", "v", f"[{writer}]" * 5000, 0.1)
                page = PageOutcome(1, None, (str(me),), PageStatus.HELD)
                catalog.finish(document.id, DocumentStatus.DONE, str(me), [page], "{}", [])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
    """
    stop = threading.Event()

    def read() -> int:
        reads = 0
        while not stop.is_set():
            for document in catalog.documents():
                reads += len(catalog.results(document.sha256, "read", "v"))
        return reads

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        try:
            together(script, 3, url)
        finally:
            stop.set()
        assert reader.result() > 0
    assert len(catalog.documents()) == 15
    for document in catalog.documents():
        kept = catalog.results(document.sha256, "read", "v")
        assert kept == {writer: f"[{writer}]" * 5000 for writer in (*range(12), 99)}
        # each finish was one transaction: reason and page are of the same writer
        assert [document.reason] == [reason for page in catalog.pages(document.id) for reason in page.reasons]


def test_a_fresh_home_is_opened_by_many_at_once(url: str) -> None:
    """Whoever comes second waits for the tables to be there; all of them work at once."""
    script = """
        import sys
        from pipeline.catalog import Catalog
        import pipeline.database, alembic.command
        print("ready", flush=True)
        sys.stdin.readline()
        with Catalog.open(sys.argv[1]) as catalog:
            catalog.set_meta(sys.argv[2], "here")
    """
    together(script, 3, url)
    with Catalog.open(url) as catalog:
        assert [catalog.meta(str(number)) for number in range(3)] == ["here"] * 3


def test_threads_open_a_fresh_home_at_once(url: str) -> None:
    """The threads of one process are as good as processes."""
    barrier = threading.Barrier(6)

    def work(number: int) -> None:
        barrier.wait()
        with Catalog.open(url) as catalog:
            catalog.set_meta(str(number), "here")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    with Catalog.open(url) as catalog:
        assert [catalog.meta(str(number)) for number in range(6)] == ["here"] * 6


# ---- kill -9


def test_what_was_saved_survives_a_kill(catalog: Catalog, url: str) -> None:
    """Everything a killed process was told is kept is kept."""
    script = """
        import sys
        from itertools import count
        from pipeline.catalog import Catalog
        catalog = Catalog.open(sys.argv[1])
        for page in count(1):
            if page % 2:
                catalog.save("ab" * 32, page, "read", "v", f"[{page}]", 0.1)
            else:
                catalog.remember("ab" * 32, "read", "v", {page: f"[{page}]"}, 0.1)
            print(page, flush=True)
    """
    process = python(script, url)
    for _ in range(150):
        said(process)
    process.kill()
    rest, _ = process.communicate()
    last = max([150, *(int(line) for line in rest.splitlines()[:-1])])
    kept = catalog.results("ab" * 32, "read", "v")
    assert {page: f"[{page}]" for page in range(1, last + 1)}.items() <= kept.items()
    assert len(kept) - last <= 2  # saved, but killed before (or while) saying so


def test_a_transaction_cut_by_a_kill_leaves_nothing(catalog: Catalog, url: str) -> None:
    """Killed inside `finish`, after the status and pages were written: all as before, and not locked."""
    document = added(catalog)
    catalog.finish(document.id, DocumentStatus.AWAITING, "before", OUTCOMES, '"before"', FINDINGS)
    script = """
        import sys
        from pipeline.catalog import Catalog
        from pipeline.types import DocumentStatus
        def endless():
            print("inside", flush=True)
            sys.stdin.readline()
            yield
        Catalog.open(sys.argv[1]).finish(sys.argv[2], DocumentStatus.DONE, "after", [], '"after"', endless())
    """
    process = python(script, url, document.id)
    assert said(process) == "inside"
    assert catalog.document(document.id).reason == "before"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    now = catalog.document(document.id)
    assert (now.status, now.reason) == (DocumentStatus.AWAITING, "before")
    assert (catalog.pages(document.id), catalog.record(document.id)) == (OUTCOMES, '"before"')
    catalog.set_status(document.id, DocumentStatus.DONE, "goes on")
    assert catalog.document(document.id).reason == "goes on"


# ---- errors


Call = Callable[[Catalog], object]
CALLS: Sequence[Call] = [
    lambda c: c.documents(),
    lambda c: c.add(make(), "/x"),
    lambda c: c.save("ab" * 32, 1, "read", "v", "{}", 0.1),
    lambda c: c.start_run("x"),
]


@pytest.mark.parametrize("call", CALLS, ids=["documents", "add", "save", "start_run"])
def test_database_errors_are_of_our_tree(catalog: Catalog, url: str, call: Call) -> None:
    """A table that vanished is a `CatalogError`; its message quotes no value."""
    engine = sa.create_engine(url)
    whole = " CASCADE" if engine.dialect.name == "postgresql" else ""  # SQLite asks nobody who refers to a table
    with engine.begin() as connection:
        for table in ("findings", "pages", "sources", "documents", "results", "runs"):
            connection.execute(sa.DDL(f"DROP TABLE {table}{whole}"))
    engine.dispose()
    with pytest.raises(CatalogError, match="the catalog failed"):
        call(catalog)
