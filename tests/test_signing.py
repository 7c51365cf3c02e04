"""Signature blocks: who signs is a party, confirms the opening words, and completes them where they name too few."""

import pytest
from written import page_input, page_text

from pipeline.backends.rules import RuleExtractor
from pipeline.extract import extract, merge
from pipeline.rules.signing import signing_parties
from pipeline.rules.view import view_of
from pipeline.types import Document
from schemas.contract import Contract

BLOCK = "IN WITNESS WHEREOF, the parties have executed this Agreement.\n"
OPENING = """SERVICES AGREEMENT
This Services Agreement is made as of May 3, 2019 between Halden Freight, Inc. (“Company”) and {second} and the
parties agree as follows. The Company is a carrier of goods by road and rail in the northern states."""


def record(*pages: str) -> Contract:
    inputs = [page_input(page_text(text, number)) for number, text in enumerate(pages, 1)]
    return merge(Document("d", "m", "d.pdf", "", page_count=len(pages)), extract(inputs, [], [RuleExtractor()]))


@pytest.mark.parametrize(
    ("block", "names"),
    [
        ("HALDEN FREIGHT, INC.\nBy: /s/ Ada Quill\nName: Ada Quill", ["HALDEN FREIGHT, INC."]),
        (
            "Bruckner & Co. II, L.P.\nBy:\nBruckner & Co., Inc.\nits General Partner\nBy: /s/ A. B.",
            ["Bruckner & Co. II, L.P."],
        ),
        ("EMPLOYEE:\n/s/ Barry G. Pea\nDate: May 3, 2019", ["Barry G. Pea"]),
        ("J.H. Cromarty\nEMPLOYEE\nTimothy Vaill\nSignature: ____", ["J.H. Cromarty"]),
        ("The goods were carried by\nHalden Freight, Inc.\nName of the ship: Maria", []),
        ("President\nEMPLOYEE\nChief Executive Officer", []),
    ],
)
def test_who_signs(block: str, names: list[str]) -> None:
    """A company above its signature and a person under a person's label sign; officers and partners do not."""
    assert [finding.value for finding in signing_parties(view_of(page_text(BLOCK + block)))] == names


def test_a_page_without_a_signature_block_signs_nothing() -> None:
    """Company names on lines by themselves are no signatures."""
    assert signing_parties(view_of(page_text("Halden Freight, Inc.\nName and address of the carrier"))) == []


def test_the_block_confirms_and_completes() -> None:
    """The party that both places name is surer than one that only one names; both places are its evidence."""
    pages = (
        OPENING.format(second="you (“Employee”)"),
        BLOCK + "HALDEN FREIGHT, INC.\nBy: /s/ A. Q.\nEMPLOYEE\n/s/ Barry G. Pea",
    )
    company, person = record(*pages).parties.values
    assert (company.value, person.value) == ("Halden Freight, Inc.", "Barry G. Pea")
    assert company.confidence > record(pages[0]).parties.values[0].confidence
    assert {evidence.page for evidence in company.evidence} == {1, 2}
    assert (company.status, person.status) == ("verified", "unverified")


def test_two_introduced_parties_are_enough() -> None:
    """Somebody else in the block (a witness, a guarantor) is no party of a contract that names its two."""
    block = BLOCK + "NORFOLK BANK LLC\nBy: /s/ A. Q.\nHALDEN FREIGHT, INC.\nBy: /s/ T. R."
    found = record(OPENING.format(second="Birch & Lowe LLP (“Consultant”)"), block).parties.values
    assert {party.value for party in found} == {"Halden Freight, Inc.", "Birch & Lowe LLP"}
