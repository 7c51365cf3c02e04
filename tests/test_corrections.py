"""Corrections: kept beside what the machine read, found again after a re-run, exported as a golden set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk import put, redo, tools_of, value

from pipeline.cli import main
from pipeline.corrections import Correction, value_key
from pipeline.digests import Asked
from pipeline.doubts import Rank, doubts_of
from pipeline.errors import NotFound, Superseded, UsageError
from pipeline.golden import golden_lines
from pipeline.reliance import by_person, effective, said
from pipeline.rulings import Ruling, choice_of, record_of, rule, take_back
from pipeline.typed import typed
from pipeline.types import Document
from pipeline.wiring import Tools
from schemas.contract import Contract


@pytest.fixture
def tools(home: Path) -> Iterator[Tools]:
    made = tools_of(home)
    yield made
    made.close()


def relied(tools: Tools, document: Document) -> Contract:
    return effective(record_of(tools, document), tools.corrections.of(document.id))


def ruled(tools: Tools, document: Document, field: str, verdict: Any, key: str = "", **more: Any) -> Correction:
    last = tools.corrections.last(document.id, field, key)
    return rule(tools, document, Ruling(field, key, verdict, last, **more), "ada")


ACME = value("Acme Ltd", "parties", doubt="weak", confidence=0.4)
BOLT = value("Bolt LLC", "parties", role="Buyer")


def test_a_correction_stands_beside_the_machines_reading(tools: Tools) -> None:
    """The record stays byte for byte; what to rely on is the person's value, seen to be theirs, on the same passage."""
    document = put(tools, "a.pdf", governing_law=(value("Ohio", page=2, doubt="x"), value("Texas")))
    before = tools.catalog.record(document.id)
    made = ruled(tools, document, "governing_law", "corrected", value=" Nevada ", page=2)
    assert tools.catalog.record(document.id) == before
    best = relied(tools, document).governing_law.best
    assert best is not None and by_person(best)
    assert (best.value, best.status, best.extractor, best.evidence[0].page) == ("Nevada", "verified", "person: ada", 2)
    assert not relied(tools, document).governing_law.conflict
    assert (made.machine and made.machine.value, made.who, made.made > 0) == ("Ohio", "ada", True)
    told = said(record_of(tools, document), tools.corrections.of(document.id))["governing_law"]
    assert [(each.by, each.value and each.value.value, each.machine and each.machine.value) for each in told] == [
        ("ada", "Nevada", "Ohio"),
        ("machine", None, "Texas"),
    ]


def test_without_corrections_the_record_is_relied_on_as_it_is(tools: Tools) -> None:
    """Nothing is copied, marked or reordered."""
    document = put(tools, "a.pdf", parties=(ACME, BOLT))
    record = record_of(tools, document)
    assert effective(record, {}) is record
    assert all(each.by == "machine" for each in said(record, {})["parties"])


def test_absent_and_unreadable_are_answers(tools: Tools) -> None:
    """A value that is not there goes, the others stay; a field without a value says which of the two it is."""
    document = put(tools, "a.pdf", parties=(ACME, BOLT), term="2 years")
    ruled(tools, document, "parties", "absent", value_key("parties", ACME))
    ruled(tools, document, "term", "unreadable")
    now = relied(tools, document)
    assert [party.value for party in now.parties.values] == ["Bolt LLC"]
    assert (now.term.status, now.term.values) == ("unreadable", ())


def test_an_accepted_reading_keeps_its_details_and_survives_another_reading(tools: Tools) -> None:
    """Role and passage stay with the name; when the machine later reads nothing of it, the person's word is still
    shown, and it is seen that the machine does not read it now."""
    document = put(tools, "a.pdf", parties=(ACME, BOLT))
    ruled(tools, document, "parties", "accepted", value_key("parties", BOLT))
    assert relied(tools, document).parties.values[1].model_dump()["role"] == "Buyer"
    redo(tools, document, parties=(ACME,))
    [_, lost] = said(record_of(tools, document), tools.corrections.of(document.id))["parties"]
    assert (lost.machine, lost.value and lost.value.value, lost.by) == (None, "Bolt LLC", "ada")
    assert [party.value for party in relied(tools, document).parties.values] == ["Acme Ltd", "Bolt LLC"]


def test_a_record_made_anew_finds_its_corrections(tools: Tools) -> None:
    """By the value's key; a name read with an OCR slip is the same name; a single field by its name alone."""
    acme = value("Acme Widgets International Ltd", "parties")
    document = put(tools, "a.pdf", parties=(acme,), governing_law="Ohio")
    ruled(
        tools, document, "parties", "corrected", value_key("parties", acme), value="ACME Widgets International Limited"
    )
    ruled(tools, document, "governing_law", "accepted")
    redo(tools, document, parties=(value("Acme Widqets International Ltd.", "parties"), BOLT), governing_law="Texas")
    now = relied(tools, document)
    assert [party.value for party in now.parties.values] == ["ACME Widgets International Limited", "Bolt LLC"]
    assert now.governing_law.best and now.governing_law.best.value == "Ohio"


def test_one_of_several_readings_can_be_chosen(tools: Tools) -> None:
    """The second reading is accepted with its own passage."""
    other = value("Texas", page=3)
    document = put(tools, "a.pdf", governing_law=(value("Ohio"), other))
    ruled(tools, document, "governing_law", "accepted", chosen=choice_of(other))
    best = relied(tools, document).governing_law.best
    assert best and (best.value, best.evidence[0].page) == ("Texas", 3)


def test_a_value_nobody_read_can_be_added(tools: Tools) -> None:
    """Two parties of a contract whose parties were not found, each with the page it stands on."""
    document = put(tools, "a.pdf", kind="lease")
    ruled(tools, document, "parties", "corrected", value="Acme Ltd", page=1)
    ruled(tools, document, "parties", "corrected", value="Bolt LLC", page=3)
    parties = relied(tools, document).parties
    assert [(each.value, each.evidence[0].page) for each in parties.values] == [("Acme Ltd", 1), ("Bolt LLC", 3)]
    assert parties.status == "verified"


def test_a_later_word_supersedes_and_all_stay(tools: Tools) -> None:
    """The history holds every word in order; taking one back restores what stood before, and stays in the history."""
    document = put(tools, "a.pdf", governing_law=value("Ohio", doubt="x"))
    ruled(tools, document, "governing_law", "accepted")
    second = ruled(tools, document, "governing_law", "corrected", value="Utah")
    take_back(tools, document, second, "ada")
    best = relied(tools, document).governing_law.best
    assert best and best.value == "Ohio"
    history = [(each.verdict, each.made_on != 0) for each in tools.corrections.history(document.id)]
    assert history == [("accepted", False), ("corrected", True), ("withdrawn", True)]
    ruled(tools, document, "governing_law", "corrected", value="Idaho")
    best = relied(tools, document).governing_law.best
    assert best and best.value == "Idaho"


def test_who_comes_second_is_told_and_changes_nothing(tools: Tools) -> None:
    """A word made on an older one is refused by name; so is taking back what is not the last word."""
    document = put(tools, "a.pdf", governing_law=value("Ohio", doubt="x"))
    first = ruled(tools, document, "governing_law", "accepted")
    late = Ruling("governing_law", "", "absent", made_on=0)
    with pytest.raises(Superseded, match="nothing was kept: ada said what it is"):
        rule(tools, document, late, "bob")
    ruled(tools, document, "governing_law", "corrected", value="Utah")
    with pytest.raises(Superseded):
        take_back(tools, document, first, "ada")
    assert [each.verdict for each in tools.corrections.history(document.id)] == ["accepted", "corrected"]


def test_only_the_last_word_of_the_person_can_be_taken_back(tools: Tools) -> None:
    """Not another person's, not one somebody has spoken on since, and not in matters they may not see any more."""
    document = put(tools, "a.pdf", governing_law="Ohio", term="1 year")
    ruled(tools, document, "governing_law", "accepted")
    rule(tools, document, Ruling("term", "", "accepted"), "bob")
    last = tools.corrections.last_by("ada", ["acme"])
    assert last and last.field == "governing_law"
    rule(tools, document, Ruling("governing_law", "", "absent", last.id), "bob")
    assert tools.corrections.last_by("ada", ["acme"]) is None
    assert tools.corrections.last_by("bob", ["dune"]) is None


def test_what_follows_from_a_corrected_date_follows_anew(tools: Tools) -> None:
    """An expiration date that was computed moves with the term; one that stands on a page does not."""
    derived = value(
        "2023-01-01", doubt="computed: it stands on no page", derived="effective date 2020-01-01 and 3 years"
    )
    fields = {"effective_date": "2020-01-01", "term": value("3 years")}
    computed = put(tools, "a.pdf", expiration_date=derived, **fields)
    printed = put(tools, "b.pdf", expiration_date="2023-01-01", **fields)
    for document in (computed, printed):
        ruled(tools, document, "term", "corrected", value="five (5) years")
    first, second = (relied(tools, document).expiration_date.best for document in (computed, printed))
    assert first and (first.value, first.derived) == ("2025-01-01", "effective date 2020-01-01 and 5 years")
    assert second and second.value == "2023-01-01"
    ruled(tools, computed, "effective_date", "absent")
    assert not relied(tools, computed).expiration_date.values


def test_corrections_move_queue_and_deadlines_at_once(tools: Tools) -> None:
    """The doubt leaves the queue, the deadline is a person's; and a re-run brings neither back."""
    document = put(tools, "a.pdf", kind="lease", parties=(BOLT,), agreement_date="2020-01-01",
                   expiration_date=value("2031-03-31", doubt="x"))  # fmt: skip
    tools.digests.catch_up()
    assert [each.doubt.field for each in tools.digests.queue(["acme"], limit=9)] == ["expiration_date"]
    ruled(tools, document, "expiration_date", "corrected", value="March 31, 2032")
    assert tools.digests.queue(["acme"]) == []
    [due] = tools.digests.deadlines(Asked(["acme"]), 9)
    assert (due.deadline.due, due.deadline.sure) == ("2032-03-31", "person")
    redo(tools, document, kind="lease", parties=(BOLT,), agreement_date="2020-01-01",
         expiration_date=value("2031-03-31", doubt="x"))  # fmt: skip
    assert tools.digests.catch_up() == 0
    assert tools.digests.queue(["acme"]) == []


def test_doubts_are_ordered_and_each_is_asked_once(tools: Tools) -> None:
    """What the kind must have, then conflicts, then what is unsure by confidence, then held pages."""
    document = put(tools, "a.pdf", kind="lease", agreement_date="2020-01-01",
                   governing_law=(value("Ohio", doubt="x"), value("Texas", doubt="x")),
                   term=value("1 year", doubt="x", confidence=0.7),
                   title=value("L", doubt="x", confidence=0.2))  # fmt: skip
    found = doubts_of(record_of(tools, document), {}, {2: "torn"}, 0.5)
    assert [(doubt.rank, doubt.field) for doubt in found] == [
        (Rank.REQUIRED, "parties"),
        (Rank.CONFLICT, "governing_law"),
        (Rank.UNSURE, "title"),
        (Rank.UNSURE, "term"),
        (Rank.HELD, "page"),
    ]
    assert found[0].reason == "no parties found, which a lease should have"


@pytest.mark.parametrize(
    ("field", "text", "normal"),
    [
        ("expiration_date", "March 31, 2027", "2027-03-31"),
        ("dates", "2027-03-31", "2027-03-31"),
        ("notice_period", "sixty (60) days", "60 days"),
        ("term", "Perpetual", "perpetual"),
        ("total_amount", "$1,250", "USD 1250.00"),
        ("kind", "LEASE", "lease"),
        ("clauses", "cap on liability", "Cap On Liability"),
        ("parties", " Acme\u202e\x00 Ltd ", "Acme Ltd"),
    ],
)
def test_what_is_typed_becomes_normal(field: str, text: str, normal: str) -> None:
    """As the field's type wants it, without what text can hide."""
    assert typed(field, text) == normal


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("expiration_date", "03/04/2027", "2027-03-04 or 2027-04-03"),
        ("expiration_date", "March 2027", "no date with day, month and year"),
        ("term", "a while", "no length of time"),
        ("total_amount", "1250", "in which currency"),
        ("total_amount", "much", "no sum"),
        ("kind", "leese", "none of the words"),
        ("title", " \u200b ", "type the value"),
        ("title", "x" * 2001, "at most 2000"),
        ("nothing", "x", "no such field"),
    ],
)
def test_what_is_no_value_is_refused_with_the_reason(field: str, text: str, why: str) -> None:
    """One line a person can act on, and nothing is guessed."""
    with pytest.raises(UsageError, match=why):
        typed(field, text)


def test_what_is_not_there_can_not_be_ruled_on(tools: Tools) -> None:
    """No such field, value, page or document; nothing is kept of it."""
    document = put(tools, "a.pdf", term="1 year")
    wrong = [("nothing", "", {}), ("parties", "f" * 64, {}), ("page", "9", {}), ("page", "x", {})]
    for field, key, more in wrong:
        with pytest.raises(NotFound):
            rule(tools, document, Ruling(field, key, "absent", **more), "ada")
    with pytest.raises(NotFound, match="could be accepted"):
        rule(tools, document, Ruling("governing_law", "", "accepted"), "ada")
    with pytest.raises(UsageError, match="pages 1 to 3"):
        rule(tools, document, Ruling("term", "", "corrected", value="2 years", page=4), "ada")
    with pytest.raises(NotFound):
        tools.corrections.record(Correction("0" * 12, "term", "", "absent", "ada"))
    assert tools.corrections.history(document.id) == []


def test_the_log_says_who_corrected_what_and_holds_no_value(tools: Tools) -> None:
    """Field, verdict and matter; the text of a document stays out of the log."""
    document = put(tools, "a.pdf", governing_law="Ohio")
    ruled(tools, document, "governing_law", "corrected", value="Nevada")
    from pipeline.access.audit import Wanted

    [entry] = tools.audit.latest(Wanted(what="correction"), 9)
    assert (entry.who, entry.subject) == ("ada", document.id)
    assert entry.details == {"field": "governing_law", "verdict": "corrected", "matter": "acme"}


def test_the_golden_set_is_evaluated_and_gives_the_right_figures(
    tools: Tools, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`muniment corrections export`, read by `muniment evaluate extraction`: one of two single values right; of two
    parties that were read one is right, and one that was added is missed."""
    document = put(tools, "a.pdf", parties=(ACME, BOLT), governing_law=value("Ohio", doubt="x"), term="2 years")
    ruled(tools, document, "governing_law", "corrected", value="Nevada")
    ruled(tools, document, "term", "accepted")
    ruled(tools, document, "parties", "absent", value_key("parties", ACME))
    ruled(tools, document, "parties", "accepted", value_key("parties", BOLT))
    ruled(tools, document, "parties", "corrected", value="Cedar plc", page=3)
    ruled(tools, document, "renewal_term", "absent")
    assert main(["corrections", "export", "--matter", "acme"]) == 0
    golden = tmp_path / "golden.jsonl"
    golden.write_text(capsys.readouterr().out, "utf-8")
    assert main(["evaluate", "extraction", str(golden), "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)["fields"]
    assert {name: (row["expected"], row["right"], row["judged"]) for name, row in fields.items()} == {
        "governing_law": (1, 0, 1),
        "term": (1, 1, 1),
        "renewal_term": (0, 0, 0),
        "parties": (2, 1, 2),
    }
    assert fields["parties"]["evidence"] == 1.0


def test_the_golden_set_says_only_what_was_said(tools: Tools) -> None:
    """A list that was ruled on in part is incomplete, what is unreadable is left out, two documents of one name are
    named by id, and a matter that was not asked for is not there."""
    first = put(tools, "a.pdf", parties=(ACME, BOLT), term="2 years")
    second = put(tools, "b.pdf", governing_law="Ohio")
    other = put(tools, "c.pdf", "dune", governing_law="Ohio")
    ruled(tools, first, "parties", "accepted", value_key("parties", BOLT))
    ruled(tools, first, "term", "unreadable")
    for document in (second, other):
        ruled(tools, document, "governing_law", "accepted")
    lines = [json.loads(line) for line in golden_lines(tools, ["acme"])]
    assert [line["document"] for line in lines] == ["a.pdf", "b.pdf"]
    assert lines[0]["fields"] == {"parties": [{"value": "Bolt LLC", "page": 1, "quote": "it says Bolt LLC"}]}
    assert lines[0]["incomplete"] == ["parties"]
    assert len(list(golden_lines(tools))) == 3
