"""Intake: which files are meant, whose they are, and that nothing is passed over in silence."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.catalog import Catalog, document_id
from pipeline.errors import NotFound, UsageError
from pipeline.intake import Incoming, discover, take
from pipeline.names import clean_name
from pipeline.store import Store
from pipeline.types import Document, DocumentStatus

PDF = b"%PDF-1.7\nnot much of one, but intake looks no further\n%%EOF\n"

NOBODY = 65534

Take = Callable[..., list[tuple[Document, bool]]]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'home' / 'catalog.sqlite'}") as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home" / "blobs")


@pytest.fixture
def ingest(store: Store, catalog: Catalog) -> Take:
    """Discover and take, as a run does."""

    def run(*paths: Path, matter: str | None = None, max_file_mb: int = 1) -> list[tuple[Document, bool]]:
        return [take(one, store, catalog, max_file_mb=max_file_mb) for one in discover(paths, matter, "default")]

    return run


def write(path: Path, data: bytes = PDF) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def found(*paths: Path, matter: str | None = None) -> list[tuple[str, str]]:
    return [(one.matter, one.name) for one in discover(paths, matter, "default")]


@contextmanager
def a_users_folder() -> Iterator[Path]:
    """A folder of somebody whom permissions bind, even where the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        root = os.geteuid() == 0
        if root:
            os.chown(name, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)


# ---- whose it is


def test_the_matter_is_the_first_folder_below_the_argument(inbox: Path) -> None:
    """`inbox/acme/2024/x.pdf` is of matter acme; order is sorted, files of a folder before its sub-folders."""
    for name in ("zeta/b.pdf", "acme/2024/x.pdf", "acme/a.pdf"):
        write(inbox / name)
    assert found(inbox) == [("acme", "a.pdf"), ("acme", "x.pdf"), ("zeta", "b.pdf")]


def test_a_file_directly_in_the_argument_takes_the_arguments_name(inbox: Path) -> None:
    """The same file is of the same matter whether the inbox or the matter's own folder is named."""
    write(inbox / "acme" / "a.pdf")
    assert found(inbox / "acme") == found(inbox) == [("acme", "a.pdf")]


def test_a_relative_argument_is_its_real_folder(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ingest .` takes the name of the folder one stands in."""
    write(inbox / "acme" / "a.pdf")
    monkeypatch.chdir(inbox / "acme")
    assert found(Path()) == [("acme", "a.pdf")]


def test_a_file_named_by_itself_takes_the_default_matter(inbox: Path) -> None:
    """It lies in Downloads as often as not, so its folder says nothing."""
    assert found(write(inbox / "acme" / "a.pdf")) == [("default", "a.pdf")]


def test_a_given_matter_wins(inbox: Path) -> None:
    """`--matter` holds for files and folders alike."""
    single = write(inbox / "acme" / "a.pdf")
    assert found(inbox, single, matter=" M-1 ") == [("M-1", "a.pdf")] * 2


@pytest.mark.parametrize("matter", ["", "a/b"])
def test_a_matter_that_cannot_be_one_is_a_usage_error(inbox: Path, matter: str) -> None:
    """Before a single file is taken, whether it was given or is the default."""
    write(inbox / "a.pdf")
    with pytest.raises(UsageError, match="matter"):
        discover([inbox], matter, "default")
    with pytest.raises(UsageError, match="matter"):
        discover([inbox], None, matter)


def test_folders_that_cannot_be_matters_are_held_apart(inbox: Path, ingest: Take) -> None:
    """Their documents are held with the reason, and two such folders never share a matter."""
    write(inbox / "bad\nname" / "a.pdf")
    write(inbox / ("m" * 120) / "b.pdf")
    taken = [document for document, _ in ingest(inbox)]
    assert [document.status for document in taken] == [DocumentStatus.HELD] * 2
    assert len({document.matter for document in taken}) == 2
    assert all("folder can't be a matter" in document.reason and "\n" not in document.reason for document in taken)


# ---- what is meant


def test_a_missing_path_is_not_found_before_anything_is_taken(inbox: Path) -> None:
    """The call itself raises, not the first step of the iteration."""
    write(inbox / "a.pdf")
    with pytest.raises(NotFound, match="no such file or folder"):
        discover([inbox, inbox / "missing"], None, "default")


def test_what_nobody_means_as_a_document_is_passed_over(inbox: Path) -> None:
    """Hidden, held, unfinished and backup files and JSON beside a document; everything else is given."""
    for name in (".hidden.pdf", ".git/a.pdf", "_held/a.pdf", "a.pdf.part", "a.JSON", "~$a.docx", "a.pdf~", "#a#"):
        write(inbox / name)
    for name in ("a.pdf", "letter.docx", "noextension", "B.PDF"):
        write(inbox / name)
    assert [name for _, name in found(inbox)] == ["B.PDF", "a.pdf", "letter.docx", "noextension"]


def test_a_file_named_outright_is_meant(inbox: Path) -> None:
    """Only what a folder happens to hold is filtered."""
    assert found(write(inbox / ".hidden.json")) == [("default", ".hidden.json")]


def test_a_deep_tree_is_walked(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth is bounded by the file system, not by Python's stack."""
    monkeypatch.chdir(inbox)
    depth = sys.getrecursionlimit() + 10
    for _ in range(depth):
        os.mkdir("d")  # noqa: PTH102 the absolute path grows; a relative one stays short
        os.chdir("d")
    write(Path("a.pdf"))
    try:
        assert [(one.name, one.problem) for one in discover([inbox], None, "default")] == [("a.pdf", "")]
    finally:  # pytest's own removal of old folders recurses
        Path("a.pdf").unlink()
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")  # noqa: PTH106


def test_a_path_longer_than_the_system_allows_is_said(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder too deep to open is given with its problem instead of ending the run."""
    monkeypatch.chdir(inbox)
    for _ in range(20):
        os.mkdir("d" * 250)  # noqa: PTH102
        os.chdir("d" * 250)
    os.chdir(inbox)
    write(inbox / "z" / "a.pdf")
    given = list(discover([inbox], None, "default"))
    assert ["can't be read" in one.problem for one in given] == [True, False]


# ---- links, pipes, permissions


def test_links_below_an_argument_are_held_and_never_read(inbox: Path, tmp_path: Path, ingest: Take) -> None:
    """A link to a file or folder outside (or anywhere) gives a reason; its bytes are not in the store."""
    outside = write(tmp_path / "outside" / "secret.pdf", PDF + b"secret")
    (inbox / "file.pdf").symlink_to(outside)
    (inbox / "folder").symlink_to(outside.parent)
    (inbox / "dangling.pdf").symlink_to(tmp_path / "nowhere")
    (inbox / "loop").symlink_to(inbox)
    taken = [document for document, _ in ingest(inbox)]
    assert [document.name for document in taken] == ["dangling.pdf", "file.pdf", "folder", "loop"]
    assert {(document.status, document.reason, document.sha256) for document in taken} == {
        (DocumentStatus.HELD, "a symbolic link, not followed", "")
    }
    assert not (tmp_path / "home" / "blobs").exists()


def test_an_argument_that_is_a_link_is_followed(inbox: Path, tmp_path: Path) -> None:
    """Whoever typed it means what it leads to, and the matter is the real folder's."""
    write(inbox / "acme" / "a.pdf")
    (tmp_path / "link").symlink_to(inbox / "acme")
    assert found(tmp_path / "link") == [("acme", "a.pdf")]


def test_an_argument_that_leads_nowhere_is_said(tmp_path: Path, ingest: Take) -> None:
    """A dangling or circular link is there, so it is a held document and not an error."""
    (tmp_path / "b.pdf").symlink_to(tmp_path / "b.pdf")
    [(circular, _)] = ingest(tmp_path / "b.pdf")
    assert (circular.status, circular.reason) == (DocumentStatus.HELD, "can't be read: a loop of links")
    (tmp_path / "a.pdf").symlink_to(tmp_path / "gone")
    [(document, _)] = ingest(tmp_path / "a.pdf")
    assert (document.status, document.reason) == (DocumentStatus.HELD, "can't be read: No such file or directory")


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_put_there_after_discovery_is_not_followed(
    inbox: Path, tmp_path: Path, store: Store, catalog: Catalog, swapped: str
) -> None:
    """The race between looking and opening is closed for the file and for every folder above it."""
    outside = write(tmp_path / "outside" / "a.pdf", PDF + b"secret")
    inside = write(inbox / "acme" / "a.pdf")
    [incoming] = discover([inbox], None, "default")
    inside.unlink()
    if swapped == "file":
        inside.symlink_to(outside)
    else:
        inside.parent.rmdir()
        inside.parent.symlink_to(outside.parent)
    document, _ = take(incoming, store, catalog, max_file_mb=1)
    assert (document.status, document.sha256) == (DocumentStatus.HELD, "")
    assert document.reason.startswith("can't be read")


def test_a_pipe_never_blocks(inbox: Path, ingest: Take) -> None:
    """Neither one found in a folder nor one put in a file's place, nor one named outright."""
    os.mkfifo(inbox / "pipe.pdf")
    assert [document.reason for document, _ in ingest(inbox, inbox / "pipe.pdf")] == [
        "not a file (a device, pipe or socket)",
        "can't be read: not a file (a device, pipe or socket)",
    ]


def test_what_may_not_be_read_is_held_and_the_rest_taken() -> None:
    """A locked file and a locked folder each give a reason; once readable they become ordinary documents."""
    with a_users_folder() as folder, Catalog.open(f"sqlite:///{folder / 'home' / 'catalog.sqlite'}") as catalog:
        store, inbox = Store(folder / "home" / "blobs"), folder / "inbox"
        locked, shut = write(inbox / "locked.pdf"), write(inbox / "shut" / "a.pdf", PDF + b"a").parent
        write(inbox / "open.pdf", PDF + b"open")
        locked.chmod(0)
        shut.chmod(0)
        taken = [take(one, store, catalog, max_file_mb=1)[0] for one in discover([inbox], None, "default")]
        assert [(d.name, d.status, d.reason) for d in taken] == [
            ("locked.pdf", DocumentStatus.HELD, "can't be read: Permission denied"),
            ("open.pdf", DocumentStatus.RECEIVED, ""),
            ("shut", DocumentStatus.HELD, "the folder can't be read: Permission denied"),
        ]
        locked.chmod(0o644)
        shut.chmod(0o755)
        later = [take(one, store, catalog, max_file_mb=1)[0] for one in discover([inbox], None, "default")]
        assert {d.status for d in later} == {DocumentStatus.RECEIVED}
        assert sorted((d.matter, d.name) for d in catalog.documents()) == [
            ("inbox", "locked.pdf"),
            ("inbox", "open.pdf"),
            ("shut", "a.pdf"),
        ]


# ---- odd names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"two words.pdf", "two words.pdf"),
        ("Pr\u00fcfung \u5951\u7d04 \u2709.pdf".encode(), "Pr\u00fcfung \u5951\u7d04 \u2709.pdf"),
        ("u\u0308.pdf".encode(), "\u00fc.pdf"),
        (b"new\nline\x1b[31m.pdf", "new\\x0aline\\x1b[31m.pdf"),
        (b"latin\xff1.pdf", "latin\\xff1.pdf"),
        ("\u202efdp.exe".encode(), "\\u202efdp.exe"),
        (b"'; DROP TABLE documents; --%s{}.pdf", "'; DROP TABLE documents; --%s{}.pdf"),
        (b"-rf", "-rf"),
    ],
)
def test_any_file_name_survives(inbox: Path, ingest: Take, catalog: Catalog, name: bytes, shown: str) -> None:
    """The catalog has it printable; the name as typed and the name as shown both find the document."""
    path = inbox / os.fsdecode(name)
    write(path)
    [(document, created)] = ingest(path)
    assert (document.name, document.status, created) == (shown, DocumentStatus.RECEIVED, True)
    assert catalog.document(path.name) == catalog.document(shown) == catalog.document(document.id) == document
    assert catalog.sources(document.id) == [clean_name(str(path))]


# ---- what is taken


def test_a_taken_file_is_kept_and_registered(inbox: Path, ingest: Take, store: Store, catalog: Catalog) -> None:
    """The bytes are in the store under the document's hash, private, and the original is untouched."""
    path = write(inbox / "acme" / "a.pdf")
    [(document, created)] = ingest(inbox)
    assert created
    assert store.read(document.sha256) == PDF == path.read_bytes()
    assert stat.S_IMODE(store.path(document.sha256).stat().st_mode) == 0o400
    assert document == Document(document_id("acme", document.sha256), "acme", "a.pdf", document.sha256)
    assert catalog.documents() == [document]


def test_the_same_bytes_in_the_same_matter_are_one_document(inbox: Path, ingest: Take, catalog: Catalog) -> None:
    """A copy under another name is a second source, not a second document; either name finds it."""
    first, second = write(inbox / "acme" / "a.pdf"), write(inbox / "acme" / "b.pdf")
    (one, new), (same, again) = ingest(inbox)
    assert (new, again, one) == (True, False, same)
    assert catalog.sources(one.id) == [str(first), str(second)]
    assert catalog.document("b.pdf") == one
    assert [created for _, created in ingest(inbox)] == [False, False]
    assert len(catalog.sources(one.id)) == 2


def test_the_same_bytes_in_another_matter_are_another_document(inbox: Path, ingest: Take, store: Store) -> None:
    """Matters know nothing of each other; only the bytes are shared."""
    write(inbox / "acme" / "a.pdf")
    write(inbox / "zeta" / "a.pdf")
    (one, new), (other, also_new) = ingest(inbox)
    assert new and also_new and one.id != other.id and one.sha256 == other.sha256
    assert sum(path.is_file() for path in store.root.rglob("*")) == 1


def test_a_later_step_is_not_undone_by_taking_again(inbox: Path, ingest: Take, catalog: Catalog) -> None:
    """Taking a document that is done gives it as it stands."""
    write(inbox / "a.pdf")
    [(document, _)] = ingest(inbox)
    catalog.set_status(document.id, DocumentStatus.DONE, page_count=3)
    [(again, created)] = ingest(inbox)
    assert (again.status, again.page_count, created) == (DocumentStatus.DONE, 3, False)


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"", DocumentStatus.REJECTED, "empty file"),
        (b"PK\x03\x04 a Word document", DocumentStatus.REJECTED, "not a PDF: no %PDF- in its first 1024 bytes"),
        (b" " * 1020 + PDF, DocumentStatus.REJECTED, "not a PDF: no %PDF- in its first 1024 bytes"),
        (b" " * 1019 + PDF, DocumentStatus.RECEIVED, ""),
        (PDF + bytes(1 << 20), DocumentStatus.HELD, "1.0 MiB, more than the 1 MiB of MUNIMENT_MAX_FILE_MB"),
        (PDF.ljust(1 << 20), DocumentStatus.RECEIVED, ""),
    ],
)
def test_a_first_look(
    inbox: Path, ingest: Take, store: Store, data: bytes, status: DocumentStatus, reason: str
) -> None:
    """Empty, not a PDF and too large are told apart; the original is kept whatever it is."""
    write(inbox / "a.pdf", data)
    [(document, _)] = ingest(inbox)
    assert (document.status, document.reason) == (status, reason)
    assert store.read(document.sha256) == data


def test_a_file_that_vanishes_is_held(tmp_path: Path, store: Store, catalog: Catalog) -> None:
    """Gone between discovery and taking: a reason, and the same place is held once however often it fails."""
    incoming = Incoming(tmp_path / "gone.pdf", "m", "gone.pdf", tmp_path)
    document, created = take(incoming, store, catalog, max_file_mb=1)
    assert (document.status, document.reason) == (DocumentStatus.HELD, "can't be read: No such file or directory")
    (tmp_path / "gone.pdf").mkdir()
    again, created_again = take(incoming, store, catalog, max_file_mb=1)
    assert (again.id, created, created_again) == (document.id, True, False)
    assert again.reason == "can't be read: not a file (a device, pipe or socket)"
    (tmp_path / "gone.pdf").rmdir()
    write(tmp_path / "gone.pdf")
    assert take(incoming, store, catalog, max_file_mb=1)[1]
    assert [d.status for d in catalog.documents()] == [DocumentStatus.RECEIVED]
