"""The converters: what they make of a corpus's own ground truth, on rows of its form and on the corpora if here."""

from __future__ import annotations

import json

import pytest

from infra.measure import golden
from infra.measure.corpora import CORPORA, names
from pipeline.evaluate.goldenset import golden_documents
from pipeline.evaluate.ranking import golden as question


def span(text: str, *pages: int, occurrences: int = 1) -> dict:
    """A span as cuad's ground truth has it."""
    return {"text": text, "pages": list(pages), "located": bool(pages), "occurrences": occurrences}


@pytest.fixture
def cuad(monkeypatch):
    """The fields that one row of cuad's ground truth becomes."""

    def fields(answers: dict, clauses: dict | None = None) -> dict:
        told = dict.fromkeys(golden.CUAD_FIELDS, "") | {"Document Name": "LEASE"} | answers
        monkeypatch.setattr(golden, "_truths", lambda _: [{"id": "c-1", "answers": told, "clauses": clauses or {}}])
        (line,) = golden.golden_lines("cuad")
        assert golden_documents([json.dumps(line)])
        return line["fields"]

    return fields


@pytest.mark.parametrize(
    ("answer", "judged"),
    [
        ("3/1/03", [{"value": "2003-03-01"}]),
        ("12/31/1999", [{"value": "1999-12-31"}]),
        ("", []),
        ("Perpetual", []),
        ("[]/[]/2019", None),
    ],
)
def test_cuad_dates(cuad, answer: str, judged) -> None:
    """m/d/yy; no answer and "perpetual" are no date; half a date is not judged."""
    assert cuad({"Expiration Date": answer}).get("expiration_date") == judged


def test_cuad_parties_lose_their_short_names(cuad) -> None:
    """Names between semicolons; short names, and sentences about the parties together, are none."""
    answer = (
        'Driven Deliveries, Inc ("Company"); TruckThat LLC ("Consultant"); Company and Consultant (collectively the '
        '"Parties"); The Associated Press (the "Customer")(individually a "Party"); Company and Consultant shall be '
        'referred to as "Parties"'
    )
    spans = [span("Driven Deliveries, Inc.", 1), span("Company", 1, occurrences=99), span("TruckThat LLC", 2)]
    found = cuad({"Parties": answer}, {"Parties": spans})["parties"]
    assert [item["value"] for item in found] == [
        ["Driven Deliveries, Inc", "Driven Deliveries, Inc."],
        ["TruckThat LLC"],
        ["The Associated Press"],
    ]
    assert [item.get("page") for item in found] == [[1], [2], None]


def test_cuad_places_are_given_where_the_span_stands_once(cuad) -> None:
    """A span that repeats does not say which place was meant; `<omitted>` ends the quote."""
    law = {"Governing Law": "Texas"}
    assert cuad(law, {"Governing Law": [span("laws of Texas <omitted> apply", 4)]})["governing_law"] == [
        {"value": ["Texas"], "page": [4], "quote": "laws of Texas "}
    ]
    assert cuad(law, {"Governing Law": [span("Texas", 4, occurrences=2)]})["governing_law"] == [{"value": ["Texas"]}]


def test_cuad_clauses_are_one_a_page(cuad) -> None:
    """Two passages on a page are one tag; one that runs over two pages is right on either."""
    spans = [span("a", 2), span("b", 2), span("c", 5, 6), span("d", 2, 3)]
    found = cuad({}, {"Insurance": spans})["clauses"]
    assert [(item["value"], item["page"]) for item in found] == [("Insurance", [2]), ("Insurance", [5, 6])]


def test_cuad_lengths(cuad) -> None:
    """Any of several notice periods is right; one that is not asked for is not judged, a renewal that is none is."""
    fields = cuad({"Notice Period To Terminate Renewal": "60 days; 180 days", "Renewal Term": ""})
    assert fields["notice_period"] == [{"value": ["60 days", "180 days"]}]
    assert fields["renewal_term"] == []
    assert not {"notice_period", "renewal_term"} & set(cuad({"Renewal Term": "perpetual"}))


def test_adbuy(monkeypatch) -> None:
    """Station numbers go, sums become plain, and a date that is none is not judged."""
    row = {
        "file": "a.pdf",
        "contract_num": "4259297",
        "advertiser": "Elizabeth Warren for President-D (133004)",
        "gross_amount": "$9,100.00",
        "flight_from": "02/26/20",
        "flight_to": "02/235/20",
    }
    monkeypatch.setattr(golden, "_truths", lambda _: [row])
    ((fields),) = [line["fields"] for line in golden.golden_lines("vrdu_adbuy")]
    assert {key: items[0]["value"] for key, items in fields.items()} == {
        "parties:advertiser": "Elizabeth Warren for President-D",
        "total_amount|amounts": "USD 9100.00",
        "document_number|reference_numbers": "4259297",
        "effective_date": "2020-02-26",
    }


def test_sroie(monkeypatch) -> None:
    """Day before month, a total in any currency, and the name of the PDF that the image becomes."""
    row = {"file": "355.jpg", "company": "GARDENIA", "date": "06/09/2017", "address": "LOT 3", "total": "3.21"}
    monkeypatch.setattr(golden, "_truths", lambda _: [row])
    (line,) = golden.golden_lines("sroie")
    assert line == {
        "document": "355.pdf",
        "fields": {
            "parties": [{"value": "GARDENIA"}],
            "agreement_date": [{"value": "2017-09-06"}],
            "total_amount|amounts": [{"value": "3.21"}],
        },
    }


def test_sample_docs(capsys) -> None:
    """Every sample document has its fields with evidence and the route of each page."""
    assert golden.main(["sample_docs"]) == 0
    documents = golden_documents(capsys.readouterr().out.splitlines())
    assert len(documents) == 15
    assert sum(len(document.routes) for document in documents) == 62
    assert all(item.pages and item.quote for each in documents for items in each.fields.values() for item in items)


def test_sample_questions() -> None:
    """The questions of sample_docs are in the format of `evaluate retrieval` already."""
    lines = golden.golden_lines("sample_docs_queries", "tuning")
    assert all(question(json.dumps(line), number).gold_pages for number, line in enumerate(lines, 1))


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")
@pytest.mark.parametrize("corpus", ["cuad", "kleister_nda", "vrdu_adbuy", "sroie"])
def test_the_halves_are_the_corpus(corpus: str) -> None:
    """Both halves are read as golden sets, share no document, and together are all of it."""
    tuning, reporting = (golden.golden_lines(corpus, half) for half in ("tuning", "reporting"))
    found = golden_documents(map(json.dumps, tuning + reporting), "fields")
    assert len(found) == len(names(corpus, "tuning")) + len(names(corpus, "reporting"))
    assert len(golden.golden_lines(corpus)) == len(found)


@pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora are not here")
def test_cuad_questions_are_the_unambiguous_ones() -> None:
    """434 questions, as the corpora's README counts them; those across the corpus name document and parties."""
    lines = golden.golden_lines("cuad_queries")
    assert len(lines) == 434
    assert all(line["corpus_query"].startswith(line["query"]) for line in lines)
