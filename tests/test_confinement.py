"""A worker that was taken over by a document: what it can't do, and that what reads pages still can."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pdfs import AGREEMENT, born_digital, scanned

from pipeline import confinement, landlock, seccomp
from pipeline.confinement import Confinement
from pipeline.errors import DocumentRejected, UsageError, WorkerDied
from pipeline.settings import load_settings
from pipeline.wiring import Tools, open_tools
from pipeline.workers import WorkerPool

HERE = Path(__file__).parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="confinement by the kernel is Linux's")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a store, and beside it somebody's private file."""
    folder = tmp_path_factory.mktemp("confined")
    (folder / "home" / "store").mkdir(parents=True)
    (folder / "home" / "catalog.sqlite").write_text("other matters")
    (folder / ".ssh").mkdir()
    (folder / ".ssh" / "id_ed25519").write_text("private key")
    return folder


@pytest.fixture(scope="module")
def pool(places: Path) -> Iterator[WorkerPool]:
    """One worker, confined as those of a home are; it may also read the functions of these tests."""
    settings = load_settings(home=places / "home", worker_tasks=10, page_seconds=6)
    wanted = confinement.of_settings(settings)
    assert wanted.readable is not None
    wanted = replace(wanted, readable=(*wanted.readable, str(HERE)))
    sys.path.insert(0, str(HERE))
    with WorkerPool(1, tasks_per_worker=500, confinement=wanted) as started:
        yield started
    sys.path.remove(str(HERE))


def ask(pool: WorkerPool, function, item):
    [(_, answer)] = pool.run(function, [item], seconds=20)
    return answer


def ways() -> list[str]:
    sys.path.insert(0, str(HERE))
    import worker_tasks

    return list(worker_tasks.ESCAPES)


@LINUX
@pytest.mark.parametrize("way", ways())
def test_a_worker_reaches_nothing_but_its_parent(pool: WorkerPool, way: str) -> None:
    """No socket of any family, no other program or process, no limit raised; the kernel says no, and the worker lives
    to say so."""
    import worker_tasks

    if not seccomp.available():
        pytest.skip("this kernel has no seccomp filter; `muniment doctor` says so")
    if way == "other table of calls" and platform.machine() != "x86_64":
        pytest.skip("x86_64 alone has a second table")
    assert ask(pool, worker_tasks.escape, way) in {"Operation not permitted", "Permission denied"}


@LINUX
def test_a_worker_reads_no_file_but_the_program_and_the_store(pool: WorkerPool, places: Path) -> None:
    """Neither the user's own files nor the rest of the home; the environment of its parent as little."""
    import worker_tasks

    if landlock.version() < landlock.ENOUGH:
        pytest.skip("this kernel has no Landlock; `muniment doctor` says so")
    for file in (places / ".ssh" / "id_ed25519", places / "home" / "catalog.sqlite", "/etc/passwd", "/proc/1/environ"):
        assert ask(pool, worker_tasks.reach, str(file)) == "Permission denied", file
    outside = places / "home" / "x"
    assert "PermissionError" in str(ask(pool, worker_tasks.keep, str(outside)))
    assert not outside.exists()


def test_a_worker_can_do_its_work(pool: WorkerPool, places: Path) -> None:
    """It writes into the store across folders, and a library may start a thread."""
    import worker_tasks

    assert ask(pool, worker_tasks.keep, str(places / "home" / "store" / "ab" / "cdef")) == "kept"
    assert ask(pool, worker_tasks.thread, 1) == "alive"


def test_the_limits_are_those_of_the_settings(pool: WorkerPool) -> None:
    """Memory, CPU time of all its tasks, size of a file, open files, no core (1 byte); none can be raised."""
    import worker_tasks

    found = ask(pool, worker_tasks.limits, 1)
    wanted = {"RLIMIT_AS": 2048 << 20, "RLIMIT_CPU": 120, "RLIMIT_FSIZE": 1024 << 20, "RLIMIT_NOFILE": 256}
    assert found == {kind: (bound, bound) for kind, bound in (wanted | {"RLIMIT_CORE": 1}).items()}


def test_pages_are_rendered_and_read_in_confinement(tmp_path: Path) -> None:
    """A scan goes through PyMuPDF, the store and Tesseract in a worker of the home as it is configured."""
    from pipeline.backends.ocr import tessdata_folder
    from pipeline.read import ReadJob, read_page
    from pipeline.render import RenderJob, render_page

    folder = tessdata_folder(None, "eng")
    with open_tools(load_settings(home=tmp_path / "home", workers=1, tessdata=folder)) as tools:
        page = scanned(tmp_path / "scan.pdf", AGREEMENT)
        pdf = tools.store.path(tools.store.put(page.read_bytes()))
        store = tools.store.root
        image = ask(tools.pool, render_page, RenderJob(pdf, 1, store, 150, 4_000_000, 7200, folder))
        text = ask(tools.pool, read_page, ReadJob(pdf, image, store, "eng", folder))
    assert "Alder Freight" in text.text


def test_drops_are_looked_into_in_confinement(home: Path) -> None:
    """Where they lie no worker can read: the watcher gives it a copy, and needs no patience with a whole file."""
    from pipeline.inbox.watch import Watcher
    from pipeline.inbox.whole import LookJob, look

    path = born_digital(home / "inbox" / "acme" / "deal.pdf", AGREEMENT)
    settings = load_settings(workers=1, settle_seconds=0.1, poll_seconds=0.05, patience_seconds=600, min_free_mb=16)
    with open_tools(settings) as tools:
        if "files" not in confinement.lacking():
            assert "Permission denied" in ask(tools.pool, look, LookJob(path, 10, 1_000_000)).fault.reason
        Watcher(tools, say=lambda line: None).run(once=True)
        assert [document.name for document in tools.catalog.documents()] == ["deal.pdf"]


def test_what_is_required_and_not_there_reads_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With MUNIMENT_CONFINEMENT=required a kernel without the means is said, instead of a page being read."""
    monkeypatch.setattr(confinement, "lacking", lambda: {"files": "no Landlock here"})
    tools = Tools(load_settings(confinement="required"))
    with pytest.raises(UsageError, match="no Landlock here"):
        _ = tools.pool
    tools.close()


@LINUX
def test_a_worker_that_must_be_confined_and_is_not_ends(places: Path) -> None:
    """The kernel refused: with `required` the worker is gone before it has seen a page."""
    import worker_tasks

    if seccomp.available() and landlock.version() >= landlock.ENOUGH:
        wanted = Confinement(2048, readable=(str(HERE),), required=True)
        with WorkerPool(1, tasks_per_worker=5, confinement=wanted) as pool:
            assert ask(pool, worker_tasks.square, 3) == 9
    else:
        with WorkerPool(1, tasks_per_worker=5, confinement=Confinement(2048, readable=(), required=True)) as pool:
            assert isinstance(ask(pool, worker_tasks.square, 3), WorkerDied)


def test_both_architectures_have_a_filter_the_kernel_takes() -> None:
    """Each program ends, every jump lands inside it, and it is shorter than the kernel's bound of 4,096."""
    for machine in seccomp.ARCHITECTURES:
        rules = seccomp.program(machine, 4711)
        assert len(rules) < 4096
        assert rules[-1] == (seccomp.ANSWER, 0, 0, seccomp.ALLOW)
        for place, (code, true, false, _) in enumerate(rules):
            assert place + 1 + max(true, false) < len(rules) or code == seccomp.ANSWER


def test_an_error_of_our_own_still_travels(pool: WorkerPool) -> None:
    """Confinement leaves what a worker says of a document as it is."""
    import worker_tasks

    assert type(ask(pool, worker_tasks.reject, "the file is empty")) is DocumentRejected


@LINUX
def test_doctor_says_what_workers_are_not_kept_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts one and has it try: with all walls nothing is missing, without the rule over files that is named."""
    settings = load_settings()
    assert confinement.observed(settings).keys() == confinement.lacking().keys()
    monkeypatch.setattr(confinement, "of_settings", lambda _: Confinement(2048, calls=False))
    assert confinement.observed(settings).keys() == {"calls", "files"}
    assert not home.exists()
