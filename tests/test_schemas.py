"""The schemas: closed, frozen, and fit to be given to a model."""

import json
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from schemas.contract import LIST_FIELDS, SINGLE_FIELDS, Contract
from schemas.cuad import CATEGORIES, DESCRIPTIONS
from schemas.fields import Entry, Evidence, FieldValue
from schemas.kinds import CONTRACT_KINDS, KIND_NAMES, KINDS
from schemas.page import PageRecord, page_json_schema

EMPTY_PAGE = {
    "document_type": {"kind": "unknown", "title": "", "quote": ""},
    "dates": [],
    "amounts": [],
    "parties": [],
    "key_obligations": [],
    "reference_numbers": [],
}
UNSUPPORTED = {
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "default",
    "prefixItems",
}


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every object schema inside, at any depth."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    inner = [found for item in schema.values() for found in objects(item)]
    return [schema, *inner] if schema.get("type") == "object" else inner


def test_page_schema_is_strict() -> None:
    """Every object of the page schema is closed and asks for every key, as structured output wants it."""
    found = objects(page_json_schema())
    assert len(found) >= 6
    for one in found:
        assert one["additionalProperties"] is False
        assert set(one["required"]) == set(one["properties"])


def test_page_schema_keeps_to_what_providers_support() -> None:
    """No bounds, patterns or defaults, which Anthropic's structured output refuses."""
    text = json.dumps(page_json_schema())
    assert not [word for word in UNSUPPORTED if f'"{word}":' in text]


def test_page_schema_asks_for_a_quote_everywhere_and_for_no_coordinates() -> None:
    """Each item carries its verbatim quote; a model is never asked where it stands."""
    items = [one for one in objects(page_json_schema()) if one["title"] != "PageRecord"]
    assert all("quote" in one["properties"] for one in items)
    assert not {"box", "boxes", "bbox"} & {name for one in items for name in one["properties"]}


def test_page_schema_names_the_six_parts() -> None:
    """The page schema has the parts that the frontier model and the local one are asked for."""
    assert set(PageRecord.model_fields) == set(EMPTY_PAGE)


@pytest.mark.parametrize("change", [{"spend": "all"}, {"dates": None}, {"dates": [{"role": "agreement"}]}])
def test_page_record_refuses_what_the_schema_does_not_know(change: dict[str, Any]) -> None:
    """A key too many, a null or a half-filled item is an error, never dropped in silence."""
    with pytest.raises(ValidationError):
        PageRecord.model_validate(EMPTY_PAGE | change)


def test_model_and_json_schema_agree() -> None:
    """What the JSON Schema accepts the model reads, and both refuse an unknown kind."""
    jsonschema.validate(EMPTY_PAGE, page_json_schema())
    assert PageRecord.model_validate(EMPTY_PAGE).dates == ()
    wrong = EMPTY_PAGE | {"document_type": {"kind": "poem", "title": "", "quote": ""}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, page_json_schema())


def test_contract_starts_absent_and_round_trips() -> None:
    """An empty record says `absent` for every field and survives JSON unchanged."""
    contract = Contract(document="d", pages=3)
    names = {*SINGLE_FIELDS, *LIST_FIELDS}
    assert {getattr(contract, name).status for name in names} == {"absent"}
    assert names | {"document", "pages", "unread_pages"} == set(Contract.model_fields)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


def test_values_keep_their_kind_through_json() -> None:
    """Roles, purposes and categories come back from JSON as the models that hold them."""
    evidence = (Evidence(page=2, quote="by Acme Inc.", boxes=((0.1, 0.2, 0.3, 0.4),)),)
    common = {"raw": "x", "value": "x", "evidence": evidence, "status": "verified", "confidence": 0.5, "extractor": "r"}
    for name, model in LIST_FIELDS.items():
        value = model(**common, **({"category": "Insurance"} if name == "clauses" else {}))
        contract = Contract(document="d", pages=1, **{name: Entry(status="verified", values=(value,))})
        back = getattr(Contract.model_validate_json(contract.model_dump_json()), name).best
        assert type(back) is model
        assert back.evidence[0].boxes == ((0.1, 0.2, 0.3, 0.4),)


def test_models_are_frozen() -> None:
    """A record can't be altered after it was made."""
    with pytest.raises(ValidationError):
        Contract(document="d", pages=1).pages = 2  # type: ignore[misc]


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_confidence_is_a_probability(confidence: float) -> None:
    """A confidence outside 0..1 is refused."""
    with pytest.raises(ValidationError):
        FieldValue(raw="", value="", evidence=(), status="absent", confidence=confidence, extractor="")


def test_cuad_has_its_41_categories_each_described() -> None:
    """All 41 categories are there, each with a description of its own."""
    assert len(CATEGORIES) == 41
    assert len(set(DESCRIPTIONS.values())) == 41
    assert all(len(text) > 30 for text in DESCRIPTIONS.values())


def test_kinds_and_names_agree() -> None:
    """Every kind but `other` and `unknown` has names, no name has two kinds; a lease binds, an invoice doesn't."""
    assert set(KIND_NAMES) == set(KINDS) - {"other", "unknown"}
    names = [name for group in KIND_NAMES.values() for name in group]
    assert len(names) == len(set(names))
    assert "lease" in CONTRACT_KINDS
    assert "invoice" not in CONTRACT_KINDS
