"""The golden format: what is accepted, what it means, and errors that name the line and never its content."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import UsageError
from pipeline.evaluate.goldenset import Asked, Expected, golden_documents
from pipeline.types import Route

SECRET = "the Blackwood matter"


def parsed(**entry):
    """The only document of a golden file with this line."""
    (document,) = golden_documents([json.dumps({"document": "a.pdf"} | entry)])
    return document


def test_a_full_line() -> None:
    """Values with spellings, pages and quotes; empty lists; routes by page number."""
    document = parsed(
        matter="acme",
        fields={
            "governing_law": [{"value": ["Delaware", "State of Delaware"], "page": 7, "quote": "laws of"}],
            "expiration_date": [],
            "clauses": [{"value": "Cap On Liability", "page": [3, 4]}],
        },
        incomplete=["clauses"],
        routes={"1": "text", "12": "frontier"},
    )
    assert document.matter == "acme"
    assert document.fields == {
        Asked("governing_law", ("governing_law",)): (
            Expected(("Delaware", "State of Delaware"), frozenset({7}), "laws of"),
        ),
        Asked("expiration_date", ("expiration_date",)): (),
        Asked("clauses", ("clauses",), complete=False): (Expected(("Cap On Liability",), frozenset({3, 4})),),
    }
    assert document.routes == {1: Route.TEXT, 12: Route.FRONTIER}


def test_keys_may_name_several_fields_and_words() -> None:
    """`a|b` is either field, `field:word|word` one value that is called so."""
    either, narrowed = parsed(fields={"effective_date|agreement_date": [], "amounts:Gross|total": []}).fields
    assert (either.fields, either.single) == (("effective_date", "agreement_date"), True)
    assert (narrowed.fields, narrowed.words, narrowed.single) == (("amounts",), ("gross", "total"), True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{{{SECRET}", "not JSON"),
        (json.dumps([SECRET]), "not a JSON object"),
        (json.dumps({"fields": {}}), "document is no file name"),
        (json.dumps({"document": "a.pdf", SECRET: 1}), "unknown keys"),
        (json.dumps({"document": "a.pdf", "matter": [SECRET]}), "matter is no text"),
        (json.dumps({"document": "a.pdf", "fields": [SECRET]}), "fields is no JSON object"),
        (json.dumps({"document": "a.pdf", "fields": {SECRET: []}}), "a field that the schema does not have"),
        (json.dumps({"document": "a.pdf", "fields": {"title": SECRET}}), "values are no list"),
        (json.dumps({"document": "a.pdf", "fields": {"title": [SECRET]}}), "no object with value"),
        (json.dumps({"document": "a.pdf", "fields": {"title": [{"value": [7]}]}}), "value is neither"),
        (json.dumps({"document": "a.pdf", "fields": {"title": [{"value": " "}]}}), "a value is empty"),
        (json.dumps({"document": "a.pdf", "fields": {"title": [{"value": "x", "page": 0}]}}), "no page number"),
        (json.dumps({"document": "a.pdf", "fields": {"title": [{"value": "x", "page": True}]}}), "no page number"),
        (json.dumps({"document": "a.pdf", "fields": {"title": [{"value": "x", "quote": 1}]}}), "quote is no text"),
        (json.dumps({"document": "a.pdf", "routes": {"one": "text"}}), "no page number"),
        (json.dumps({"document": "a.pdf", "routes": {"1": SECRET}}), "a route is none of"),
        (json.dumps({"document": "a.pdf", "incomplete": [1]}), "incomplete is neither"),
    ],
)
def test_a_bad_line_is_named_and_not_quoted(line: str, said: str) -> None:
    """The error says which line and why; what the line holds is the firm's secret."""
    with pytest.raises(UsageError, match=r"^line 2: ") as caught:
        golden_documents(['{"document": "b.pdf"}', line])
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)


def test_one_line_a_document() -> None:
    """Two lines of one document would count it twice; the same name in two matters is two documents."""
    with pytest.raises(UsageError, match="line 3: the same document as line 1"):
        golden_documents(['{"document": "a.pdf"}', "", '{"document": "a.pdf"}'])
    lines = ['{"document": "a.pdf", "matter": "x"}', '{"document": "a.pdf", "matter": "y"}']
    assert len(golden_documents(lines)) == 2


def test_an_empty_file_is_refused() -> None:
    """Nothing to judge is a mistake, not a perfect score."""
    with pytest.raises(UsageError, match="holds no document"):
        golden_documents(["", "  "])
