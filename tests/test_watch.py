"""The watcher: what is dropped is taken once, what can't be is held with a reason, and nothing is taken in part."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pdfs
import pymupdf
import pytest
from pictures_made import saved

from pipeline.claims import sole
from pipeline.errors import AlreadyRunning, CatalogBusy
from pipeline.inbox.receive import take_in
from pipeline.inbox.separators import print_sheets
from pipeline.inbox.space import PAUSED, Space
from pipeline.inbox.watch import Watcher
from pipeline.intake import discover
from pipeline.overview import overview, overview_text
from pipeline.settings import load_settings
from pipeline.types import Document, DocumentStatus
from pipeline.wiring import Tools, open_tools

SETTLE, PATIENCE = 0.15, 0.6


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    """One home for all: each test drops into a matter of its own."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("watched"),
        settle_seconds=SETTLE,
        patience_seconds=PATIENCE,
        poll_seconds=0.03,
        workers=1,
        min_free_mb=16,
        max_file_mb=1,
    )
    with open_tools(settings) as opened:
        yield opened


class Desk:
    """A matter's folder in the inbox, and what the watcher makes of it."""

    def __init__(self, tools: Tools, matter: str) -> None:
        self.tools, self.matter = tools, matter
        self.inbox = tools.settings.inbox_dir
        self.folder = self.inbox / matter
        self.folder.mkdir(parents=True)
        self.taken: list[Document] = []
        self.lines: list[str] = []
        self.watcher = Watcher(tools, on_taken=self.taken.extend, say=self.lines.append)

    def drop(self, name: str = "a.pdf", text: str = pdfs.LEASE) -> bytes:
        """A PDF of its own; the same text and name give the same bytes no more than two scans do."""
        return pdfs.born_digital(self.folder / name, f"{self.matter} {text}").read_bytes()

    def take(self) -> list[Document]:
        """Let the watcher do all it can; the matter's documents."""
        self.watcher.run(once=True)
        return self.documents

    def step_until_tried_again(self) -> None:
        """Poll until trouble was met, however slow the machine is, and some more: it might be said again."""
        until = time.monotonic() + 60
        while not any(line.startswith("tried again") for line in self.lines) and time.monotonic() < until:
            self.watcher.step()
            time.sleep(0.03)
        for _ in range(20):
            self.watcher.step()
            time.sleep(0.03)

    @property
    def documents(self) -> list[Document]:
        return self.tools.catalog.documents([self.matter])

    def held(self) -> dict[str, str]:
        """The files in `_held` of this matter with the texts beside them."""
        folder = self.inbox / "_held" / self.matter
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        reasons = {name for name in names if name.endswith(".reason.txt")}
        assert {name.removesuffix(".reason.txt") for name in reasons} == set(names) - reasons
        return {name.removesuffix(".reason.txt"): (folder / name).read_text() for name in reasons}


@pytest.fixture
def desk(tools: Tools, request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(tools, request.node.name.removeprefix("test_")[:60])
    yield made
    assert list((tools.settings.root / "spool").iterdir()) == [], "something stayed in the spool"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ---- what is taken


def test_a_dropped_file_is_taken_into_its_folders_matter(desk: Desk) -> None:
    """Its bytes are in the store, its path is known, it is gone from the inbox, and who works off is told."""
    data = desk.drop("2024/x.pdf")
    (document,) = desk.take()
    assert (document.name, document.sha256, document.status) == ("x.pdf", sha256(data), DocumentStatus.RECEIVED)
    assert desk.tools.store.read(document.sha256) == data
    assert desk.tools.catalog.sources(document.id) == [str(desk.folder / "2024" / "x.pdf")]
    assert desk.taken == [document]
    assert list(desk.folder.rglob("*.pdf")) == []
    assert all(document.name not in line for line in desk.lines), "client's file names in what ends up in logs"


def test_a_file_in_no_folder_is_of_the_default_matter(desk: Desk) -> None:
    """As the setting says; it is not passed over, and no matter is made up for it."""
    pdfs.born_digital(desk.inbox / "loose.pdf", "a loose sheet")
    desk.take()
    assert [document.name for document in desk.taken] == ["loose.pdf"]
    assert desk.taken[0].matter == desk.tools.settings.matter


def test_the_same_bytes_twice_are_one_document(desk: Desk) -> None:
    """At once or later, under whatever name; both paths are known."""
    data = desk.drop("a.pdf")
    (desk.folder / "b.pdf").write_bytes(data)
    (document,) = desk.take()
    (desk.folder / "c.pdf").write_bytes(data)
    assert desk.take() == [document]
    assert sorted(Path(path).name for path in desk.tools.catalog.sources(document.id)) == ["a.pdf", "b.pdf", "c.pdf"]
    assert desk.watcher.counts == {"taken": 3, "new": 1, "held": 0}


def test_a_picture_is_taken_as_a_pdf_and_kept_as_it_was(desk: Desk) -> None:
    """The document is the PDF made of it; the catalog knows the picture; dropped again it is the same document."""
    picture = saved(desk.folder / "fax.tif", "1", pages=3, compression="group4").read_bytes()
    (document,) = desk.take()
    assert desk.tools.store.read(document.sha256).startswith(b"%PDF-")
    (origin,) = desk.tools.catalog.origins(document.id)
    assert desk.tools.store.read(origin.sha256) == picture
    (desk.folder / "again.tif").write_bytes(picture)
    assert desk.take() == [document]


def test_ingest_takes_pictures_too(desk: Desk, tmp_path: Path) -> None:
    """A picture given to `ingest` is the very document that the watcher makes of it."""
    path = saved(tmp_path / desk.matter / "photo.jpg")
    (desk.folder / "photo.jpg").write_bytes(path.read_bytes())
    (document,) = desk.take()
    (incoming,) = discover([path.parent], None, "default")
    assert take_in(incoming, desk.tools) == (document, False)


def test_what_nobody_means_as_a_document_stays(desk: Desk) -> None:
    """Unfinished and hidden files, as `ingest` passes them over."""
    for name in ("a.pdf.part", ".hidden.pdf", "a.pdf.reason.txt", "truth.json"):
        desk.drop(name)
    assert desk.take() == []
    assert len(list(desk.folder.iterdir())) == 4


# ---- writers


def test_a_file_is_not_taken_while_it_is_written(desk: Desk) -> None:
    """A writer that pauses in mid-file for longer than a file must stand still is waited for."""
    data = desk.drop("made.pdf.part")
    with (desk.folder / "a.pdf").open("wb") as writer:
        for piece in (data[:-300], data[-300:-100]):
            writer.write(piece)
            writer.flush()
            until = time.monotonic() + 2 * SETTLE
            while time.monotonic() < until:
                assert desk.watcher.step()
            assert desk.documents == []
            assert (desk.folder / "a.pdf").exists(), "claimed though it does not open whole"
        writer.write(data[-100:])
    assert [document.sha256 for document in desk.take()] == [sha256(data)]
    assert desk.held() == {}


def test_a_writer_that_goes_on_after_the_claim_is_waited_for(desk: Desk) -> None:
    """It kept the file open: what it adds to the claimed file is in the document, and the first part alone is none."""
    first = desk.drop("a.pdf")
    with (desk.folder / "a.pdf").open("ab") as writer:
        while (desk.folder / "a.pdf").exists():
            desk.watcher.step()
            time.sleep(0.02)
        writer.write(b"\n% added by a slow writer\n")
        writer.flush()
        desk.watcher.step()
        assert desk.documents == []
    assert [document.sha256 for document in desk.take()] == [sha256(first + b"\n% added by a slow writer\n")]


def test_a_file_renamed_while_it_is_waited_for_is_taken_once(desk: Desk) -> None:
    """Under its last name."""
    desk.drop("scan0001.pdf")
    desk.watcher.step()
    (desk.folder / "scan0001.pdf").rename(desk.folder / "lease.pdf")
    assert [document.name for document in desk.take()] == ["lease.pdf"]


# ---- what is held


def test_a_cut_file_is_held_with_a_reason_a_person_can_read(desk: Desk) -> None:
    """File and reason lie in `_held`, the catalog has the document as held; patience came first."""
    data = desk.drop("a.pdf")[:-400]
    (desk.folder / "a.pdf").write_bytes(data)
    began = time.monotonic()
    (document,) = desk.take()
    assert time.monotonic() - began > PATIENCE
    assert (document.status, document.sha256) == (DocumentStatus.HELD, sha256(data))
    assert "cut short" in document.reason
    held = desk.held()
    assert set(held) == {"a.pdf"}
    for expected in ("a.pdf", desk.matter, "Why: ", "cut short", "What to do", document.id):
        assert expected in held["a.pdf"]
    assert (desk.inbox / "_held" / desk.matter / "a.pdf").read_bytes() == data
    assert desk.taken == []


def test_what_is_no_document_is_rejected_and_lies_there_too(desk: Desk) -> None:
    """A letter, an empty file and one above the limit, each with its own reason."""
    desk.folder.joinpath("letter.docx").write_bytes(b"PK\x03\x04")
    desk.folder.joinpath("empty.pdf").touch()
    desk.folder.joinpath("large.pdf").write_bytes(b"%PDF-1.7" + bytes(2 << 20) + b"%%EOF")
    statuses = {document.name: (document.status, document.reason) for document in desk.take()}
    assert statuses == {
        "letter.docx": (DocumentStatus.REJECTED, "neither a PDF nor a picture (TIFF, JPEG, PNG)"),
        "empty.pdf": (DocumentStatus.REJECTED, "empty file"),
        "large.pdf": (DocumentStatus.HELD, "2.0 MiB, more than the 1 MiB of MUNIMENT_MAX_FILE_MB"),
    }
    assert set(desk.held()) == set(statuses)


def test_a_file_that_was_refused_is_taken_again(desk: Desk) -> None:
    """Dropped again after what was wrong was put right, it stands as received; while it is not, it is held again
    beside the first one."""
    lenient, desk.watcher = desk.watcher, Watcher(limited(desk.tools, max_pages=1), say=desk.lines.append)
    two = pdfs.born_digital(desk.folder / "two.pdf", "one", "two").read_bytes()
    assert [document.status for document in desk.take()] == [DocumentStatus.HELD]
    (desk.folder / "two.pdf").write_bytes(two)
    desk.take()
    assert set(desk.held()) == {"two.pdf", "two (2).pdf"}
    (desk.inbox / "_held" / desk.matter / "two.pdf").rename(desk.folder / "two.pdf")
    (desk.inbox / "_held" / desk.matter / "two.pdf.reason.txt").unlink()
    desk.watcher = lenient
    (document,) = desk.take()
    assert (document.status, document.reason, desk.taken) == (DocumentStatus.RECEIVED, "", [document])


def test_a_whole_file_needs_no_patience(desk: Desk) -> None:
    """Workers may read nothing but store and spool: what lies in the inbox is looked into all the same."""
    desk.watcher = Watcher(limited(desk.tools, patience_seconds=600), say=desk.lines.append)
    desk.drop()
    saved(desk.folder / "photo.png")
    assert [document.status for document in desk.take()] == [DocumentStatus.RECEIVED] * 2


def limited(tools: Tools, **settings: object) -> Tools:
    """The same tools under other settings."""
    other = Tools(tools.settings.model_copy(update=settings))
    other._made = tools._made
    assert tools.pool is other.pool
    return other


def test_links_and_pipes_are_moved_and_not_followed(desk: Desk, tmp_path: Path) -> None:
    """What a link leads to is neither read nor moved; the reason says what it was."""
    outside = pdfs.born_digital(tmp_path / "outside.pdf", "another's contract")
    (desk.folder / "link.pdf").symlink_to(outside)
    os.mkfifo(desk.folder / "pipe.pdf")
    reasons = {document.name: document.reason for document in desk.take()}
    assert reasons["link.pdf"] == "a symbolic link, not followed"
    assert "not a file" in reasons["pipe.pdf"]
    assert set(desk.held()) == {"link.pdf", "pipe.pdf"}
    assert outside.exists()
    assert sha256(outside.read_bytes()) not in desk.tools.store


def test_a_hostile_name_is_written_out(desk: Desk) -> None:
    """A newline and an override of the reading direction stand as escapes in `_held` and in the reason."""
    (desk.folder / "a\nb\u202efdp.exe").write_bytes(b"MZ")
    desk.take()
    ((name, reason),) = desk.held().items()
    assert name == r"a\x0ab\u202efdp.exe"
    assert reason.startswith(name)


def test_a_held_folder_that_is_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    """Nothing is written where it leads; the file stays in the spool until the link is gone, which is said once."""
    held = desk.inbox / "_held"
    if held.exists():
        held.rename(tmp_path / "kept")
    held.symlink_to(tmp_path)
    try:
        desk.folder.joinpath("letter.docx").write_bytes(b"PK")
        desk.step_until_tried_again()
        assert not (tmp_path / desk.matter).exists()
        assert len([line for line in desk.lines if line.startswith("tried again")]) == 1
    finally:
        held.unlink()  # or the tests after this one would try again for ever
    desk.take()
    assert set(desk.held()) == {"letter.docx"}


# ---- the machine


def test_a_full_disk_pauses_the_intake_and_room_resumes_it(desk: Desk) -> None:
    """Below the bound nothing is taken, which is said once and kept for `status`; clearly above it goes on."""
    free = [15 << 20]
    desk.watcher._space = Space([desk.inbox], 16, lambda folder: free[0])
    data = desk.drop()
    for _ in range(3):
        assert desk.take() == []
    assert desk.tools.catalog.meta(PAUSED) == "15 MiB are free, less than the 16 MiB of MUNIMENT_MIN_FREE_MB"
    assert overview_text(overview(desk.tools)).startswith("Nothing is taken in from the inbox: 15 MiB are free")
    free[0] = 17 << 20
    assert desk.take() == [], "resumed at the bound itself"
    free[0] = 18 << 20
    assert [document.sha256 for document in desk.take()] == [sha256(data)]
    assert desk.tools.catalog.meta(PAUSED) == ""
    assert "Nothing is taken in" not in overview_text(overview(desk.tools))
    assert [line for line in desk.lines if "taken in" in line] == [
        "nothing is taken in: 15 MiB are free, less than the 16 MiB of MUNIMENT_MIN_FREE_MB",
        "files are taken in again",
    ]


def test_trouble_with_the_catalog_loses_nothing_and_is_said_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file waits in the spool and is taken when the catalog is back."""
    data = desk.drop()

    def busy(*_: object) -> None:
        raise CatalogBusy("the catalog is busy")

    with monkeypatch.context() as patched:
        patched.setattr(desk.tools.catalog, "add", busy)
        desk.step_until_tried_again()
    assert desk.lines == ["tried again: the catalog is busy"]
    assert [document.sha256 for document in desk.take()] == [sha256(data)]


def test_one_watcher_at_a_time(desk: Desk) -> None:
    """A second one on the same home says so and does nothing."""
    with sole(desk.tools.locks, "watch"), pytest.raises(AlreadyRunning):
        desk.watcher.run(once=True)


def test_what_a_killed_watcher_left_is_taken_first(desk: Desk) -> None:
    """Claimed and not yet taken: the next watcher takes it before it looks into the inbox, and once."""
    first = desk.drop("z.pdf")
    while (desk.folder / "z.pdf").exists():
        desk.watcher.step()
        time.sleep(0.02)
    desk.drop("a.pdf", "another")
    desk.watcher = Watcher(desk.tools, on_taken=desk.taken.extend, say=desk.lines.append)
    desk.take()
    assert [document.name for document in desk.taken] == ["z.pdf", "a.pdf"]
    assert desk.taken[0].sha256 == sha256(first)


def test_a_kill_between_the_catalog_and_the_spool_doubles_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The document is in the catalog, the file still in the spool: it is received again as the same document."""
    data = desk.drop()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(desk.watcher._spool, "remove", lambda entry: (_ for _ in ()).throw(KeyboardInterrupt))
        desk.take()
    assert len(desk.documents) == 1
    desk.watcher = Watcher(desk.tools, say=desk.lines.append)
    assert [document.sha256 for document in desk.take()] == [sha256(data)]
    assert desk.lines[-1].endswith("(was here already)")


def test_the_command_takes_works_off_and_ends_on_sigterm(tmp_path: Path) -> None:
    """`muniment watch --work` as a service manager runs it: a dropped file is done, SIGTERM ends it with 0."""
    settings = {"HOME": tmp_path, "SETTLE_SECONDS": SETTLE, "POLL_SECONDS": 0.1, "WORKERS": 1, "MIN_FREE_MB": 16}
    environment = os.environ | {f"MUNIMENT_{name}": str(value) for name, value in settings.items()}
    pdfs.born_digital(tmp_path / "inbox" / "dune" / "lease.pdf", pdfs.LEASE)
    command = [sys.executable, "-m", "pipeline", "watch", "--work"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        with open_tools(load_settings(home=tmp_path)) as tools:
            until = time.monotonic() + 120
            while time.monotonic() < until and process.poll() is None:
                if [document.status for document in tools.catalog.documents()] == [DocumentStatus.DONE]:
                    break
                time.sleep(0.1)
            (document,) = tools.catalog.documents()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        lines = process.stdout.read().splitlines()
    assert document.status is DocumentStatus.DONE
    assert lines[1:] == [f"taken {document.id}", "1 taken, 1 new, 0 held"]


# ---- batches


def batch(desk: Desk, name: str, plan: str) -> bytes:
    """A scan of pages (p, each another) and separator sheets (S)."""
    print_sheets(desk.tools.settings.root / "sheet.pdf")
    with pymupdf.open() as whole, pymupdf.open(desk.tools.settings.root / "sheet.pdf") as sheet:
        for number, letter in enumerate(plan, 1):
            if letter == "S":
                whole.insert_pdf(sheet)
            else:
                whole.new_page().insert_text((72, 72), f"{desk.matter}: page {number} of the batch, agreed and signed")
        data = whole.tobytes(no_new_id=True)
    (desk.folder / name).write_bytes(data)
    return data


def test_a_batch_becomes_the_documents_between_its_sheets(desk: Desk) -> None:
    """Each names the pages it was, the batch stays in the store, and the same batch again changes nothing."""
    data = batch(desk, "batch.pdf", "ppSp")
    documents = desk.take()
    assert [document.name for document in documents] == ["batch.pdf#1-2", "batch.pdf#4-4"]
    texts = []
    for document in documents:
        with pymupdf.open(stream=desk.tools.store.read(document.sha256)) as part:
            texts.append([page.get_text().split(": ")[1].split(" of")[0] for page in part])
        (origin,) = desk.tools.catalog.origins(document.id)
        assert (origin.sha256, origin.pages) == (sha256(data), document.name.partition("#")[2])
        assert desk.tools.catalog.sources(document.id) == [str(desk.folder / document.name)]
    assert texts == [["page 1", "page 2"], ["page 4"]]
    assert desk.tools.store.read(sha256(data)) == data
    assert desk.taken == documents
    (desk.folder / "again.pdf").write_bytes(data)
    assert desk.take() == documents


def test_an_uncertain_batch_is_held_whole(desk: Desk) -> None:
    """Two sheets at once: nothing is cut, the reason names the pages and how to take it in as one document."""
    data = batch(desk, "batch.pdf", "pSSp")
    (document,) = desk.take()
    assert (document.sha256, document.status) == (sha256(data), DocumentStatus.HELD)
    assert document.reason == (
        "uncertain where to cut the batch: pages 2 and 3: two separator sheets with nothing between them"
    )
    assert "muniment ingest --retry --matter" in desk.held()["batch.pdf"]
