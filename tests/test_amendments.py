"""Amendments find the agreement they change among the documents of their matter, whichever came first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from written import page_input, page_text

from pipeline.amendments import links_of
from pipeline.backends.rules import RuleExtractor
from pipeline.catalog import Catalog
from pipeline.extract import extract, merge
from pipeline.report import links_text
from pipeline.types import Document

AGREEMENT = """MASTER SERVICES AGREEMENT
Contract No. MSA-2024-0117
This Master Services Agreement is made as of {date} between Harborline Logistics, Inc. (“Customer”) and
Brightwater Systems LLC (“Provider”). Provider shall run the platform and Customer shall pay the fees."""
AMENDMENT = """AMENDMENT NO. 1 TO MASTER SERVICES AGREEMENT
This Amendment No. 1 (this “Amendment”) is entered into as of November 18, 2024 between Harborline Logistics, Inc.
(“Customer”) and Brightwater Systems LLC (“Provider”), and amends the Master Services Agreement between them dated
March 4, 2024{number} (the “Agreement”). Section 2.2 of the Agreement is deleted."""
SIDE_LETTER = """SIDE LETTER
Dear Ms. Solheim: We refer to the Master Services Agreement dated March 4, 2024 between Harborline Logistics, Inc.
and Brightwater Systems LLC. This Side Letter records what we agreed about it in our meeting of last week."""
NDA = """MUTUAL NONDISCLOSURE AGREEMENT
This Mutual Nondisclosure Agreement is made as of March 4, 2024 between Harborline Logistics, Inc. (“Discloser”)
and Norfolk Terminals LLC (“Recipient”). Each party shall keep the secrets of the other for three years."""


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.db'}") as opened:
        yield opened


def take_in(catalog: Catalog, name: str, text: str, matter: str = "harbor") -> Document:
    """Register a page and keep the record that rules make of it."""
    document = Document(name, matter, f"{name}.pdf", name.encode().hex().ljust(64, "0"), page_count=1)
    found = extract([page_input(page_text(text))], [], [RuleExtractor()])
    catalog.add(document, f"inbox/{name}.pdf")
    catalog.set_record(document.id, merge(document, found).model_dump_json(), found[1])
    return document


@pytest.mark.parametrize("first", ["agreement", "amendment"])
def test_both_directions_in_either_order(catalog: Catalog, first: str) -> None:
    """The amendment names the agreement and the agreement its amendment, with reasons, whichever was taken in first."""
    texts = {
        "agreement": AGREEMENT.format(date="March 4, 2024"),
        "amendment": AMENDMENT.format(number=", Contract No. MSA-2024-0117"),
    }
    taken = {name: take_in(catalog, name, texts[name]) for name in sorted(texts, key=lambda name: name != first)}
    take_in(catalog, "nda", NDA)
    forth, back = links_of(taken["amendment"], catalog), links_of(taken["agreement"], catalog)
    assert [(link.document, link.certain) for link in forth.amends] == [("agreement", True)]
    assert [(link.document, link.certain) for link in back.amended_by] == [("amendment", True)]
    assert forth.amends[0].reasons[:2] == ("number MSA-2024-0117", "dated 2024-03-04")
    assert not forth.amended_by
    assert not back.amends
    assert "amended by  amendment.pdf [amendment]  number MSA-2024-0117" in links_text(back)


def test_date_title_and_parties_suffice_without_a_number(catalog: Catalog) -> None:
    """A side letter that gives no number is linked by what else it names."""
    take_in(catalog, "agreement", AGREEMENT.format(date="March 4, 2024"))
    letter = take_in(catalog, "letter", SIDE_LETTER)
    assert [(link.document, link.certain) for link in links_of(letter, catalog).amends] == [("agreement", True)]


def test_two_that_fit_are_both_uncertain(catalog: Catalog) -> None:
    """Two scans of one agreement: neither is said to be the one, both are shown as possible."""
    take_in(catalog, "first", AGREEMENT.format(date="March 4, 2024"))
    take_in(catalog, "second", AGREEMENT.format(date="March 4, 2024"))
    found = links_of(take_in(catalog, "amendment", AMENDMENT.format(number="")), catalog)
    assert {(link.document, link.certain) for link in found.amends} == {("first", False), ("second", False)}
    assert links_text(found).count("perhaps amends") == 2
    assert all("another document fits as well" in link.reasons for link in found.amends)


def test_an_agreement_of_another_date_is_no_certain_target(catalog: Catalog) -> None:
    """The same parties have several agreements: one of another date is at most possible, and it is said why."""
    take_in(catalog, "other", AGREEMENT.format(date="May 9, 2019"))
    found = links_of(take_in(catalog, "amendment", AMENDMENT.format(number="")), catalog)
    assert not any(link.certain for link in found.amends)
    assert all("not dated 2024-03-04" in link.reasons for link in found.amends)


def test_no_link_leaves_the_matter(catalog: Catalog) -> None:
    """What another matter holds is neither a target nor shown to be amended."""
    elsewhere = take_in(catalog, "elsewhere", AGREEMENT.format(date="March 4, 2024"), matter="other")
    amendment = take_in(catalog, "amendment", AMENDMENT.format(number=""))
    assert not links_of(amendment, catalog).amends
    assert not links_of(elsewhere, catalog).amended_by


def test_a_document_that_was_not_read_has_no_links(catalog: Catalog) -> None:
    """Without a record there is nothing to compare."""
    unread = Document("unread", "harbor", "unread.pdf", "f" * 64)
    catalog.add(unread, "inbox/unread.pdf")
    found = links_of(unread, catalog)
    assert (found.amends, found.amended_by) == ((), ())
    assert links_text(found) == ""
