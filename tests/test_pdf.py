"""Files that are no readable PDF are rejected or held, each with a reason of one line."""

import pymupdf
import pytest

from pipeline.errors import DocumentHeld, DocumentRejected
from pipeline.pdf import InspectJob, drawable, inspect, load_page
from pipeline.workers import WorkerPool


def contract(pages=3):
    document = pymupdf.open()
    for number in range(pages):
        document.new_page().insert_text((72, 72), f"page {number + 1}")
    return document


def raw_pdf(*objects):
    """A PDF of just these objects, the first being the catalog, with a correct cross-reference table."""
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + end


CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>"


def looking(data, tmp_path, max_pages=100):
    path = tmp_path / "document.pdf"
    path.write_bytes(data)
    return inspect(InspectJob(path, max_pages))


def refusal(data, tmp_path, **limits):
    with pytest.raises((DocumentRejected, DocumentHeld)) as raised:
        looking(data, tmp_path, **limits)
    assert "\n" not in str(raised.value)
    return raised.type, str(raised.value)


def test_a_sound_pdf_says_how_many_pages_it_has(tmp_path):
    """Nothing to complain about: the page count and no notes."""
    info = looking(contract().tobytes(), tmp_path)
    assert (info.page_count, info.notes) == (3, ())


def test_an_empty_file_is_rejected(tmp_path):
    """No bytes, no document."""
    assert refusal(b"", tmp_path) == (DocumentRejected, "the file is empty")


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 a photograph", b"PK\x03\x04 an archive", b"hello"])
def test_what_is_no_pdf_is_rejected(data, tmp_path):
    """MuPDF would open images and archives, too; only a PDF is a PDF."""
    assert refusal(data, tmp_path) == (DocumentRejected, "not a PDF")


def test_a_header_without_a_document_is_rejected(tmp_path):
    """Bytes that only begin like a PDF hold no page."""
    kind, why = refusal(b"%PDF-1.7\n" + b"\0" * 500, tmp_path)
    assert kind is DocumentRejected
    assert "damaged" in why


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.999])
def test_a_file_cut_short_is_never_taken(kept, tmp_path):
    """A truncated PDF opens without an error, pages missing or blank: it is refused wherever it was cut."""
    data = contract(20).tobytes()
    _, why = refusal(data[: int(len(data) * kept)], tmp_path)
    assert "damaged" in why


def test_a_password_is_asked_for_in_the_reason(tmp_path):
    """What needs a password to open is rejected and says so."""
    data = contract().tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="owner")
    kind, why = refusal(data, tmp_path)
    assert kind is DocumentRejected
    assert "password" in why


def test_an_owner_password_alone_hinders_nobody(tmp_path):
    """A file that any viewer opens without asking is read, with a note."""
    data = contract().tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="owner")
    info = looking(data, tmp_path)
    assert info.page_count == 3
    assert "owner password" in info.notes[0]


def test_zero_pages_are_rejected(tmp_path):
    """A page tree without pages is no document."""
    data = raw_pdf(CATALOG, b"<< /Type /Pages /Kids [] /Count 0 >>")
    assert refusal(data, tmp_path) == (DocumentRejected, "the PDF has no pages")


def test_a_page_tree_that_loops_is_held(tmp_path):
    """MuPDF steps over a loop in silence; pages may be missing behind it."""
    tree = b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 >>"
    loop = b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>"
    kind, why = refusal(raw_pdf(CATALOG, tree, PAGE, loop), tmp_path)
    assert kind is DocumentHeld
    assert "loops" in why


def test_a_page_tree_that_miscounts_is_held(tmp_path):
    """A tree that claims fewer pages than it has would hide the rest."""
    tree = b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 1 >>"
    kind, why = refusal(raw_pdf(CATALOG, tree, PAGE, PAGE), tmp_path)
    assert kind is DocumentHeld
    assert "claims 1 pages but 2" in why


def test_a_nested_page_tree_is_sound(tmp_path):
    """Trees of several levels, and a page used twice, are legal."""
    tree = b"<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 3 >>"
    branch = b"<< /Type /Pages /Parent 2 0 R /Kids [3 0 R 5 0 R] /Count 2 >>"
    assert looking(raw_pdf(CATALOG, tree, PAGE, branch, PAGE), tmp_path).page_count == 3


def test_too_many_pages_are_held(tmp_path):
    """Above the limit a person decides; the reason names the setting."""
    kind, why = refusal(contract(4).tobytes(), tmp_path, max_pages=3)
    assert kind is DocumentHeld
    assert "MUNIMENT_MAX_PAGES" in why


def test_attachments_are_named_as_unread(tmp_path):
    """An exhibit attached inside the PDF isn't on any page: the note says it was not read."""
    document = contract()
    document.embfile_add("exhibit-a.txt", b"terms")
    assert looking(document.tobytes(), tmp_path).notes == ("1 attached file(s) inside the PDF were not read",)


def test_a_file_replaced_under_its_name_is_opened_anew(tmp_path):
    """A worker keeps its last document open, but never answers for other bytes."""
    assert looking(contract(2).tobytes(), tmp_path).page_count == 2
    assert looking(contract(5).tobytes(), tmp_path).page_count == 5


def test_refusals_come_back_from_a_worker(tmp_path):
    """Class and reason survive the way from the worker process."""
    path = tmp_path / "empty.pdf"
    path.touch()
    with WorkerPool(1, memory_mb=1024, tasks_per_worker=5) as pool:
        [(_, error)] = pool.run(inspect, [InspectJob(path, 10)], seconds=30)
    assert type(error) is DocumentRejected
    assert str(error) == "the file is empty"


def test_where_mupdf_gives_up_the_page_is_held():
    """Its own exception never leaves: it names nothing that a person could look at."""
    with pytest.raises(DocumentHeld, match="page 3 can't be drawn"), drawable(3):
        pymupdf.mupdf.fz_open_document("/no/such.pdf")


def test_a_page_that_is_not_there_is_held(tmp_path):
    """MuPDF may find fewer pages than it claimed once it reaches for one."""
    path = tmp_path / "one.pdf"
    with pymupdf.open() as document:
        document.new_page()
        document.save(path)
    with pymupdf.open(path) as document, pytest.raises(DocumentHeld, match="page 9 can't be reached"):
        load_page(document, 9)


def chained(levels):
    """One page under so many page-tree nodes, each the only kid of the one above."""
    nodes = [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (3 + level) for level in range(levels)]
    return raw_pdf(CATALOG, *nodes, b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 200 200] >>" % (1 + levels))


def looking_within(data, tmp_path, **limits):
    path = tmp_path / "document.pdf"
    path.write_bytes(data)
    return inspect(InspectJob(path, 100, **limits))


def test_a_page_tree_has_so_many_levels_at_most(tmp_path):
    """A tree like a chain is held, and says which setting held it; a deep one within the bound is read."""
    assert looking_within(chained(20), tmp_path, max_depth=20).page_count == 1
    with pytest.raises(DocumentHeld, match=r"page tree is nested more than 20 levels.*MUNIMENT_MAX_DEPTH"):
        looking_within(chained(21), tmp_path, max_depth=20)


def test_a_bomb_of_levels_ends_in_a_worker_with_a_reason(tmp_path):
    """Tens of thousands of levels neither hang nor kill the worker."""
    path = tmp_path / "chain.pdf"
    path.write_bytes(chained(30_000))
    with WorkerPool(1, memory_mb=1024, tasks_per_worker=5) as pool:
        [(_, refused)] = pool.run(inspect, [InspectJob(path, 100)], seconds=20)
    assert type(refused) in (DocumentHeld, DocumentRejected)


@pytest.mark.parametrize(("levels", "held"), [(15, False), (40, True)])
def test_a_pages_object_has_so_many_levels_at_most(tmp_path, levels, held):
    """Arrays in arrays; brackets inside a string are text."""
    kept = b"[" * levels + b"]" * levels
    page = PAGE[:-2] + b"/A %b /B (%b) >>" % (kept, b"[" * 500)
    data = raw_pdf(CATALOG, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page)
    if not held:
        assert looking_within(data, tmp_path, max_depth=20).page_count == 1
        return
    with pytest.raises(DocumentHeld, match="a page's object is nested more than 20 levels"):
        looking_within(data, tmp_path, max_depth=20)


def test_so_many_attached_files_at_most(tmp_path):
    """What is attached is never read; a file that is a bag of others is held."""
    document = contract(1)
    for number in range(3):
        document.embfile_add(f"{number}.txt", b"x")
    data = document.tobytes()
    assert looking_within(data, tmp_path, max_attachments=3).notes
    with pytest.raises(DocumentHeld, match=r"carries 3 attached files.*MUNIMENT_MAX_ATTACHMENTS"):
        looking_within(data, tmp_path, max_attachments=2)
