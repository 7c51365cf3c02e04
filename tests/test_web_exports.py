"""Exports: the original as it came, records whose cells can't run, names that can't do harm."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from xml.etree import ElementTree

import browser
import pytest

from pipeline.spreadsheet import COLUMNS, LONGEST_CELL, csv_lines, write_xlsx
from pipeline.web.exports import attachment
from schemas.contract import Contract

EVIL = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "\uff1d1+1",
    '"=1',
    "it's\nfine",
    "<b>",
    "\x00\x0b",
    "x" * 40_000,
]


@pytest.fixture(scope="module")
def client(archive):
    return browser.client(archive.tools)


def table(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_the_original_is_saved_and_never_opened(client, archive):
    """The very bytes, as an attachment in a sandbox."""
    answer = client.get(f"/documents/{archive.agreement.id}/original")
    assert answer.content == archive.tools.store.read(archive.agreement.sha256)
    assert answer.headers["content-disposition"].startswith('attachment; filename="services-agreement.pdf"')
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    ("name", "plain", "coded"),
    [
        ("lease", "lease.pdf", "lease.pdf"),
        ("Mietvertrag für Köln", "Mietvertrag f_r K_ln.pdf", "Mietvertrag%20f%C3%BCr%20K%C3%B6ln.pdf"),
        ('a"; filename=evil.exe\r\nx: y', "a_ filename_evil.exe_x_ y.pdf", None),
        ("../../etc/passwd", "etc_passwd.pdf", None),
        ("\u202egpj.exe", "gpj.exe.pdf", None),
        ("", "document.pdf", "document.pdf"),
    ],
)
def test_names_of_downloads_are_harmless(name, plain, coded):
    """No quote, path, control or direction mark reaches the header; other letters travel as RFC 6266 says."""
    said = attachment(name, "pdf")["content-disposition"]
    found = re.fullmatch(r"attachment; filename=\"([^\"\r\n]+)\"; filename\*=UTF-8''([\w.%~!-]+)", said)
    assert found
    assert found[1] == plain
    assert coded is None or found[2] == coded


def test_csv_and_json_hold_the_same_record(client, archive):
    """Every value of the record is a row, with status and proof; absent fields are rows, too."""
    base = f"/documents/{archive.agreement.id}/record"
    (one,) = client.get(f"{base}.json").json()
    record = Contract.model_validate(one["record"])
    rows = table(client.get(f"{base}.csv").text)
    (law,) = [row for row in rows if row["field"] == "governing_law"]
    best = record.governing_law.best
    assert (law["value"], law["status"], law["page"]) == (best.value, best.status, str(best.evidence[0].page))
    assert law["quote"] == best.evidence[0].quote
    assert {row["field"] for row in rows} == set(Contract.model_fields) - {"document", "pages", "unread_pages"}
    assert client.get(f"/api{base}").json() == one["record"]


def test_a_matter_is_exported_whole_and_walled(archive):
    """All documents of the matter, none of another; a matter that may not be seen is unknown."""
    client = browser.client(archive.tools, "alder")
    rows = table(client.get("/matters/alder/records.csv").text)
    assert {row["document"] for row in rows} == {archive.agreement.id, archive.amendment.id}
    assert {one["document"] for one in client.get("/matters/alder/records.json").json()} == {
        archive.agreement.id,
        archive.amendment.id,
    }
    walled, unknown = (client.get(f"/matters/{name}/records.csv") for name in ("dune", "no-such-matter"))
    assert walled.status_code == unknown.status_code == 404
    assert walled.content == unknown.content


def test_no_cell_of_a_csv_is_a_formula():
    """What a spreadsheet would run begins with an apostrophe; everything else is as it was."""
    lines = csv_lines([(text, *[""] * (len(COLUMNS) - 1)) for text in EVIL])
    cells = [row[COLUMNS[0]] for row in table("".join(lines))]
    assert cells[:7] == [f"'{text}" for text in EVIL[:7]]
    assert cells[7:10] == EVIL[7:10]


def test_no_cell_of_a_workbook_is_a_formula(tmp_path):
    """Every text is a text cell, whole or visibly cut; the file opens as XML."""
    path = tmp_path / "out.xlsx"
    write_xlsx(path, [(text, 7, 0.5, *[""] * (len(COLUMNS) - 3)) for text in EVIL])
    with zipfile.ZipFile(path) as book:
        xml = book.read("xl/worksheets/sheet1.xml").decode()
        sheet = ElementTree.fromstring(xml)
    space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    assert not sheet.findall(".//x:f", space)
    assert "hyperlink" not in xml
    first = [row.find("x:c", space) for row in sheet.findall(".//x:row", space)][1:]
    texts = ["".join(cell.itertext()) for cell in first]
    assert {cell.get("t") for cell in first} == {"inlineStr"}
    assert texts[:5] == EVIL[:5]
    assert len(texts[-1]) == LONGEST_CELL
    assert "cut" in texts[-1][-60:]


def test_workbooks_leave_nothing_behind(client, archive):
    """The temporary file is gone once it was sent."""
    answer = client.get(f"/documents/{archive.agreement.id}/record.xlsx")
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    assert not list(archive.tools.settings.root.glob(".export-*"))


def test_hostile_documents_are_exported_as_text(client, archive):
    """The attack's own words arrive in the JSON unchanged and in the CSV without a formula."""
    base = f"/documents/{archive.hostile.id}/record"
    assert "script" in client.get(f"{base}.json").text
    assert not any(cell.startswith("=") for row in table(client.get(f"{base}.csv").text) for cell in row.values())
