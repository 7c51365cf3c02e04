"""Records judged by golden documents: what counts as right, found, verified and in its place."""

from __future__ import annotations

import json

import pytest

from pipeline.evaluate.fields import extraction
from pipeline.evaluate.goldenset import golden_documents, look_up
from schemas.contract import Amount, Clause, Contract, Party
from schemas.fields import Entry, Evidence, FieldValue


def value(text: str, page: int = 1, model=FieldValue, status: str = "verified", **detail: str):
    """A value as merging gives it."""
    evidence = (Evidence(page=page, quote=f"… {text} …"),)
    return model(raw=text, value=text, evidence=evidence, status=status, confidence=0.8, extractor="t", **detail)


def entry(*values):
    """The entry of these values."""
    return Entry(status=values[0].status, values=values)


def scores(fields: dict, contract: Contract | None, **more):
    """The row of each field when this record is judged."""
    line = json.dumps({"document": "a.pdf", "fields": fields} | more)
    return extraction(look_up(golden_documents([line]), lambda _: contract)).as_json()["fields"]


def record(**entries) -> Contract:
    """A record with these fields."""
    return Contract(document="id", pages=9, **entries)


def test_right_wrong_and_missed() -> None:
    """Two of three parties right, one more that is none: precision and recall 2/3."""
    given = record(parties=entry(*(value(name, model=Party) for name in ("Acme Ltd.", "BOLT LLC", "Mr. Smith"))))
    row = scores({"parties": [{"value": "Acme"}, {"value": "Bolt"}, {"value": "Cord GmbH"}]}, given)["parties"]
    assert (row["right"], row["judged"], row["expected"]) == (2, 3, 3)
    assert row["precision"]["value"] == row["recall"]["value"] == row["f1"]["value"] == pytest.approx(2 / 3, abs=1e-5)


def test_an_empty_list_makes_every_value_wrong() -> None:
    """The document has none: silence is right, a value is a false positive."""
    assert scores({"expiration_date": []}, record())["expiration_date"]["f1"]["value"] is None
    row = scores({"expiration_date": []}, record(expiration_date=entry(value("2020-01-31"))))["expiration_date"]
    assert (row["judged"], row["precision"]["value"], row["f1"]["value"]) == (1, 0.0, 0.0)


def test_only_the_best_of_a_single_field_counts() -> None:
    """A conflict keeps both dates, but the first is the answer."""
    given = record(effective_date=entry(value("2020-01-31"), value("2021-01-31")))
    golden = {"effective_date": [{"value": "2021-01-31"}]}
    assert scores(golden, given)["effective_date"]["right"] == 0


def test_one_value_meets_one_expectation() -> None:
    """A name found once does not prove two parties."""
    given = record(parties=entry(value("Acme Holdings", model=Party)))
    row = scores({"parties": [{"value": "Acme Holdings"}, {"value": "Acme Holdings Ltd."}]}, given)["parties"]
    assert (row["right"], row["expected"]) == (1, 2)


def test_exact_spellings_are_matched_first() -> None:
    """A near miss must not take the value that another expectation names exactly."""
    given = record(title=entry(value("Amendment")), parties=entry(value("Harbor Line Co", model=Party)))
    row = scores({"parties": [{"value": "Harbor Lime Co"}, {"value": "Harbor Line Co"}]}, given)["parties"]
    assert row["right"] == 1


def test_verified_right_counts_verified_values_only() -> None:
    """Three values, two verified, one of these right."""
    given = record(
        parties=entry(
            value("Acme", model=Party),
            value("Nobody", model=Party),
            value("Bolt", model=Party, status="unverified"),
        )
    )
    row = scores({"parties": [{"value": "Acme"}, {"value": "Bolt"}]}, given)["parties"]
    assert row["verified"] == pytest.approx(2 / 3, abs=1e-5)
    assert row["verified_right"] == 0.5


def test_evidence_is_judged_where_the_golden_line_has_a_page() -> None:
    """A right value on the wrong page is right, its evidence is not; without a page nothing is said of it."""
    given = record(governing_law=entry(value("Delaware", page=3)))
    for place, share in (({"page": 3}, 1.0), ({"page": [2, 3]}, 1.0), ({"page": 2}, 0.0), ({}, None)):
        row = scores({"governing_law": [{"value": "Delaware"} | place]}, given)["governing_law"]
        assert (row["right"], row["evidence"]) == (1, share)


def test_evidence_by_quote_alone() -> None:
    """Where the golden line has words and no page, the words decide."""
    given = record(governing_law=entry(value("Delaware")))
    for quote, share in (("Delaware", 1.0), ("the courts of New York", 0.0)):
        row = scores({"governing_law": [{"value": "Delaware", "quote": quote}]}, given)["governing_law"]
        assert row["evidence"] == share
    bare = value("Delaware").model_copy(update={"evidence": ()})
    row = scores({"governing_law": [{"value": "Delaware", "quote": "Delaware"}]}, record(governing_law=entry(bare)))
    assert row["governing_law"]["evidence"] == 0.0


def test_a_clause_is_right_on_its_page_only() -> None:
    """A clause is a category on a page; twice on one page is one tag."""
    pages = [value("Insurance", page, Clause, category="Insurance") for page in (2, 2, 5)]
    row = scores({"clauses": [{"value": "Insurance", "page": 2}]}, record(clauses=entry(*pages)))["clauses"]
    assert (row["right"], row["judged"]) == (1, 2)


def test_what_else_is_found_of_an_incomplete_list_is_not_held_against_it() -> None:
    """Recall is judged, precision and F1 are not."""
    given = record(amounts=entry(value("USD 5.00", model=Amount), value("USD 7.00", model=Amount)))
    row = scores({"amounts": [{"value": "USD 7.00"}]}, given, incomplete=["amounts"])["amounts"]
    assert (row["recall"]["value"], row["precision"]["value"], row["f1"]["value"]) == (1.0, None, None)


def test_words_narrow_a_field_to_one_value() -> None:
    """`amounts:gross|total` is the gross amount, the total where there is none, and nothing else."""
    net, total = (value(f"USD {n}.00", model=Amount, purpose=p) for n, p in ((5, "net"), (7, "Total due")))
    golden = {"amounts:gross|total": [{"value": "USD 7.00"}]}
    assert scores(golden, record(amounts=entry(net, total)))["amounts:gross|total"]["f1"]["value"] == 1.0
    gross = value("USD 9.00", model=Amount, purpose="gross")
    assert scores(golden, record(amounts=entry(net, total, gross)))["amounts:gross|total"]["right"] == 0
    assert scores(golden, record(amounts=entry(net)))["amounts:gross|total"]["judged"] == 0


def test_either_field_answers() -> None:
    """`effective_date|agreement_date`: the second is judged where the first was not found."""
    golden = {"effective_date|agreement_date": [{"value": "2020-01-31"}]}
    (row,) = scores(golden, record(agreement_date=entry(value("2020-01-31")))).values()
    assert row["right"] == 1


def test_documents_not_here_and_not_read_are_missed_and_named() -> None:
    """Both count as missed in every field."""
    lines = [json.dumps({"document": f"{n}.pdf", "fields": {"title": [{"value": "Lease"}]}}) for n in "abc"]
    here = {"a.pdf": record(title=entry(value("Lease"))), "b.pdf": None}
    found = extraction(look_up(golden_documents(lines), lambda document: here[document.document])).as_json()
    assert (found["missing"], found["unread"]) == (["c.pdf"], ["b.pdf"])
    assert found["fields"]["title"]["recall"]["value"] == pytest.approx(1 / 3, abs=1e-5)


def test_micro_sums_and_macro_averages() -> None:
    """Three of four parties and no law: micro counts values, macro counts fields."""
    given = record(parties=entry(*(value(name, model=Party) for name in ("Acme", "Bolt", "Cord"))))
    line = {"parties": [{"value": name} for name in ("Acme", "Bolt", "Cord")], "governing_law": [{"value": "Texas"}]}
    golden = golden_documents([json.dumps({"document": "a.pdf", "fields": line})])
    found = extraction(look_up(golden, lambda _: given)).as_json()
    assert found["micro"]["recall"]["value"] == 0.75
    assert found["macro"]["f1"]["value"] == 0.5
