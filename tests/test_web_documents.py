"""The list of documents and the document view: inside the wall, with every value, its proof and its doubts."""

from __future__ import annotations

import browser
import pytest

from pipeline.listing import Cut, shelf
from pipeline.types import DocumentStatus
from pipeline.web.fields import shown


@pytest.fixture(scope="module")
def client(archive):
    return browser.client(archive.tools)


def test_the_list_counts_what_the_caller_may_see(archive):
    """Documents, counts by matter and by status equal those of a catalog that holds nothing else."""
    found = browser.client(archive.tools, "alder").get("/api/documents").json()
    assert {each["name"] for each in found["documents"]} == {"services-agreement.pdf", "first-amendment.pdf"}
    assert (found["total"], found["matters"]) == (2, {"alder": 2})
    assert sum(found["statuses"].values()) == 2
    elsewhere = browser.client(archive.tools, "alder").get("/api/documents", params={"matter": "dune"}).json()
    assert (elsewhere["documents"], elsewhere["total"], elsewhere["statuses"]) == ([], 0, {})


def test_filters_and_leaves(archive):
    """The list is filtered, counted and cut inside the query; leaving through it shows each document once."""
    database, matters = archive.tools.catalog.database, browser.MATTERS
    whole = shelf(database, matters, Cut())
    leaves = [shelf(database, matters, Cut(limit=1, offset=at)).documents for at in range(whole.total + 1)]
    assert [each.document.id for leaf in leaves for each in leaf] == [each.document.id for each in whole.documents]
    done = shelf(database, matters, Cut(status=DocumentStatus.DONE))
    assert done.total == whole.by_status[DocumentStatus.DONE] == len(done.documents)
    assert sum(done.by_matter.values()) == done.total


def test_a_document_shows_every_field_or_says_that_it_is_not_there(client, archive):
    """Values carry their proof; what was looked for and not found is named."""
    found = client.get(f"/api/documents/{archive.agreement.id}").json()
    assert (found["title"], found["kind"], found["matter"]) == ("SERVICES AGREEMENT", "services agreement", "alder")
    fields = {field["field"]: field for field in found["fields"]}
    assert fields["expiration_date"]["values"][0]["shown"] == "31 March 2024"
    assert fields["expiration_date"]["values"][0]["evidence"][0]["page"] == 1
    absent = [field["name"] for field in found["fields"] if field["status"] == "absent"]
    page = client.get(f"/documents/{archive.agreement.id}").text
    assert absent
    assert all(name in page.partition("not found</b>")[2] for name in absent)


def test_a_conflict_shows_both_passages(client, archive):
    """Two readings of one field stand side by side, each with the page that says so."""
    found = client.get(f"/api/documents/{archive.lease.id}").json()
    (law,) = [field for field in found["fields"] if field["field"] == "governing_law"]
    assert law["conflict"]
    assert {(value["shown"], value["evidence"][0]["page"]) for value in law["values"]} == {
        ("Oregon", 1),
        ("New York", 2),
    }
    page = client.get(f"/documents/{archive.lease.id}").text
    assert "read in several ways" in page
    assert all(f"/documents/{archive.lease.id}/pages/{n}#governing_law-" in page for n in (1, 2))


def test_an_amendment_and_its_agreement_name_each_other(client, archive):
    """Both directions, with what changes: the old term, the new one and where it stands."""
    amendment = client.get(f"/api/documents/{archive.amendment.id}").json()
    agreement = client.get(f"/api/documents/{archive.agreement.id}").json()
    (forth,), (back,) = amendment["amends"], agreement["amended_by"]
    assert (forth["document"], back["document"]) == (archive.agreement.id, archive.amendment.id)
    assert forth["changes"] == back["changes"]
    told = {(change["field"], change["before"], change["after"]) for change in forth["changes"]}
    assert told == {("expiration_date", "31 March 2024", "31 March 2026"), ("governing_law", "New York", "Delaware")}


def test_a_document_of_another_matter_is_unknown(archive):
    """The same answer, byte for byte, as for an id that never was."""
    client = browser.client(archive.tools, "dune")
    walled, unknown = (client.get(f"/documents/{id}") for id in (archive.agreement.id, "0" * 12))
    assert walled.status_code == unknown.status_code == 404
    assert walled.content == unknown.content


def test_every_answer_has_a_model(archive):
    """The API describes itself: each JSON answer of these rooms has a schema."""
    paths = browser.client(archive.tools).get("/openapi.json").json()["paths"]
    ours = [path for path in paths if path.startswith("/api/documents")]
    assert len(ours) >= 5
    for path in ours:
        schema = paths[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema, path


def test_normal_forms_are_written_as_people_write_them():
    """Dates and sums; anything else stays as it is."""
    assert [shown(text) for text in ("2021-03-03", "USD 12500.00", "EUR -7", "2021-13-03", "New York")] == [
        "3 March 2021",
        "USD 12,500.00",
        "EUR -7",
        "2021-13-03",
        "New York",
    ]


def test_the_document_view_opens_in_the_browser(tab, archive):
    """From the list to the document to the passage of a field, by clicks, without a complaint of the browser."""
    tab.goto("/documents")
    tab.click("text=services-agreement.pdf")
    tab.click(".cite[href$='#governing_law-1']")
    tab.wait_for_selector(".region.chosen[data-key=governing_law-1]", state="attached")
    assert tab.inner_text(".field.chosen .value") == "New York"


def test_a_persons_word_stands_beside_the_machines(archive):
    """Corrected on the document's own page: both are shown, the person's counts, the machine's stays in the exports."""
    from pipeline.corrections import Correction

    client = browser.client(archive.tools, "dune")
    base = f"/documents/{archive.lease.id}"
    before = {field["field"]: field for field in client.get(f"/api{base}").json()["fields"]}["governing_law"]
    best = before["values"][0]
    form = {"field": "governing_law", "key": best["key"], "chosen": best["choice"], "made_on": best["made_on"]}
    form |= {"csrf": "token", "verdict": "corrected", "value": "Vermont"}
    answer = client.post(f"{base}/corrections", data=form, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    try:
        after = {field["field"]: field for field in client.get(f"/api{base}").json()["fields"]}["governing_law"]
        assert (after["status"], after["conflict"]) == ("verified", False)
        assert [(v["shown"], v["set_aside"]) for v in after["values"]] == [(v["shown"], True) for v in before["values"]]
        assert (after["values"][0]["person"]["shown"], after["values"][0]["person"]["who"]) == (
            "Vermont",
            "Ada Lovelace",
        )
        assert "Vermont" in client.get(f"{base}/pages/1").text
        (one,) = client.get(f"{base}/record.json").json()
        assert one["record"]["governing_law"]["values"][0]["value"] == best["value"]
        assert one["relied_on"]["governing_law"]["values"][0]["value"] == "Vermont"
        assert '"corrected","Vermont","Ada Lovelace"' in client.get(f"{base}/record.csv").text
    finally:
        word = archive.tools.corrections.of(archive.lease.id)["governing_law", ""]
        assert isinstance(word, Correction)
        archive.tools.corrections.withdraw(word, "Ada Lovelace")
