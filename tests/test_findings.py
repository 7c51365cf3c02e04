"""A page schema that a model filled becomes findings; its own normal forms are not taken on trust."""

from typing import Any

import pytest

from pipeline.findings import findings_from_page
from pipeline.types import FieldStatus, Finding
from schemas.page import PageRecord


def record(**parts: Any) -> PageRecord:
    empty: dict[str, Any] = {name: [] for name in PageRecord.model_fields}
    return PageRecord.model_validate(empty | {"document_type": {"kind": "unknown", "title": "", "quote": ""}} | parts)


def found(**parts: Any) -> list[Finding]:
    return findings_from_page(record(**parts), 4, "vlm/1", 0.7)


def date(**changes: Any) -> dict[str, Any]:
    return {
        "role": "agreement", "text": "March 3, 2021", "iso": "2021-03-03", "legible": True, "quote": "of March 3, 2021",
    } | changes  # fmt: skip


def test_everything_a_model_reads_becomes_a_finding() -> None:
    """Each of the six parts arrives in its field, with page, quote, extractor, confidence and detail."""
    got = found(
        document_type={"kind": "lease", "title": "OFFICE LEASE", "quote": "OFFICE LEASE"},
        dates=[date(), date(role="due")],
        amounts=[{"text": "$2,000", "currency": "USD", "purpose": "rent", "legible": True, "quote": "rent of $2,000"}],
        parties=[{"name": "Acme Inc.", "role": "Tenant", "legible": True, "quote": "Acme Inc. (Tenant)"}],
        key_obligations=[
            {"who": "Tenant", "what": "pay rent", "by_when": "monthly", "quote": "Tenant shall pay rent monthly"}
        ],
        reference_numbers=[{"label": "Lease No.", "number": "L-7", "legible": True, "quote": "Lease No. L-7"}],
    )
    assert [finding.field for finding in got] == [
        "title", "kind", "agreement_date", "dates", "amounts", "parties", "obligations", "reference_numbers",
    ]  # fmt: skip
    assert {(f.page, f.extractor, f.confidence, f.status) for f in got} == {(4, "vlm/1", 0.7, FieldStatus.UNVERIFIED)}
    by_field = {finding.field: finding for finding in got}
    assert by_field["kind"].value == "lease"
    assert by_field["dates"].detail == {"purpose": "due"}
    assert by_field["amounts"].value == "USD 2000.00"
    assert by_field["parties"].detail == {"role": "Tenant"}
    assert by_field["obligations"].detail == {"who": "Tenant", "what": "pay rent", "by_when": "monthly"}


def test_an_empty_page_has_no_findings() -> None:
    """Nothing is made up where the model saw nothing."""
    assert found() == []


@pytest.mark.parametrize(
    ("text", "iso", "value"),
    [
        ("March 3, 2021", "2021-03-08", "2021-03-03"),
        ("March 3, 2021", "", "2021-03-03"),
        ("03/04/2021", "2021-04-03", "2021-04-03"),
        ("03/04/2021", "2019-04-03", "2021-03-04"),
        ("next spring", "2021-04-01", ""),
    ],
)
def test_dates_are_normalised_by_code(text: str, iso: str, value: str) -> None:
    """A model's ISO form only chooses among the readings that the print leaves open."""
    (finding,) = found(dates=[date(text=text, iso=iso)])
    assert finding.value == value


def test_illegible_is_an_answer() -> None:
    """What the model saw but could not read is `unreadable`, without a value, whatever it wrote there."""
    (finding,) = found(dates=[date(legible=False, text="3 Ma?ch", iso="2021-03-03")])
    assert (finding.raw, finding.value, finding.status, finding.confidence) == ("", "", FieldStatus.UNREADABLE, 0.0)


def test_hostile_details_are_made_plain() -> None:
    """Direction overrides and line breaks do not reach the record's details."""
    party = {"name": "Acme", "role": "Ten\u202eant\n", "legible": True, "quote": "Acme"}
    assert found(parties=[party])[0].detail == {"role": "Tenant"}
