"""From a message to page records: stop reasons first, then the schema; and what is left of an answer that breaks it."""

import json
from types import SimpleNamespace

import pytest
from frontier_replies import EMPTY, amount, answer, clause, message, page

from pipeline.frontier.answers import LONGEST, TOOL, Failed, Read, Usage, judge, usage_of
from pipeline.frontier.salvage import salvaged

FEE = amount("USD 12,500.00", "a fee of USD 12,500.00")


def said(text: object, stop: object = "end_turn") -> object:
    """The SDK's object for a message with this text, built without validation as the SDK does."""
    from anthropic.types import Message

    return Message.construct(**message(text, stop))  # type: ignore[arg-type]


def block(**fields: object) -> object:
    return SimpleNamespace(content=[SimpleNamespace(**fields)], stop_reason="tool_use")


def test_an_answer_that_satisfies_the_schema_is_read():
    """Every page that was asked for, by its number, in any order."""
    reading = judge(said(answer(4, 3)), (3, 4))
    assert isinstance(reading, Read) and set(reading.pages) == {3, 4} and not reading.doubts and not reading.missing


@pytest.mark.parametrize(
    ("stop", "why"),
    [
        ("refusal", "refused"),
        ("content_filter", "refused"),
        ("max_tokens", "truncated"),
        ("model_context_window_exceeded", "truncated"),
        ("length", "truncated"),
        ("pause_turn", "truncated"),
    ],
)
def test_the_stop_reason_comes_before_the_answer(stop, why):
    """An answer that was refused or cut is not parsed, even if what there is of it would pass."""
    reading = judge(said(answer(1), stop), (1,))
    assert isinstance(reading, Failed) and reading.why == why and not reading.mendable


@pytest.mark.parametrize("stop", ["end_turn", "stop_sequence", "tool_use", None, "eos", 7, ["end_turn"]], ids=str)
def test_an_unknown_stop_reason_is_no_reason_to_lose_an_answer(stop):
    """Self-hosted servers name it as they like, or not at all."""
    try:
        reading = judge(said(answer(1), stop), (1,))
    except TypeError:
        pytest.fail("a stop reason of another type broke the reading")
    assert isinstance(reading, Read)


@pytest.mark.parametrize(
    "wrapped",
    ["```json\n{}\n```", "Here is what I found:\n{}", "{}\nI hope this helps!", "<think>...</think>{}", "\n\n {} "],
)
def test_json_is_taken_out_of_what_is_around_it(wrapped):
    """A fence, a sentence before or after: the object alone counts."""
    assert isinstance(judge(said(wrapped.replace("{}", json.dumps(answer(1)))), (1,)), Read)


def test_the_tools_input_counts_before_text():
    """A call of our tool is the answer, whether its input came as an object or as its JSON."""
    for given in (answer(1), json.dumps(answer(1))):
        assert isinstance(judge(block(type="tool_use", name=TOOL, input=given), (1,)), Read)
    assert judge(block(type="tool_use", name="rm", input=answer(1)), (1,)).why == "empty"


@pytest.mark.parametrize("numbers", [(3,), (3, 4, 5), (3, 3), (4, 5), ()], ids=str)
def test_other_pages_than_those_asked_for_are_refused(numbers):
    """A page too few, too many, twice or never asked for: the answer can be mended, and says what is wrong."""
    reading = judge(said(answer(*numbers)), (3, 4))
    assert isinstance(reading, Failed) and (reading.why, reading.mendable) == ("pages", True) and reading.problems


def test_one_page_in_one_page_out():
    """A misread page number changes nothing when one page was sent."""
    for number in (17, -1, 10**4000):
        reading = judge(
            said(json.dumps(answer(17)).replace("17", "1" + "0" * 4000 if number > 17 else str(number))), (3,)
        )
        assert isinstance(reading, Read) and [(at, one.page) for at, one in reading.pages.items()] == [(3, 3)]
    long = judge(said(json.dumps(answer(17)).replace("17", "1" + "0" * 4000)), (3, 4))
    assert isinstance(long, Failed) and len(long.reason) < 100


DEEP = '{"pages": ' + "[" * 100_000 + "]" * 100_000 + "}"
NESTED: dict[str, object] = {}
for _ in range(5000):
    NESTED = {"pages": NESTED}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "no",
        "[]",
        "{}",
        '{"pages": null}',
        '{"pages": [{"page": 1}]}',
        DEEP,
        json.dumps(answer(1)).replace("true", "NaN"),
        json.dumps(answer(1)).replace('"page": 1', '"page": ' + "9" * 5000),
        json.dumps(answer(1)).replace("unknown", "\\ud800"),
        json.dumps(answer(1)).replace("unknown", "\ud800"),
        json.dumps(answer(1)) + json.dumps(answer(1)),
        json.dumps(answer(1) | {"matter": "other"}),
        json.dumps(answer(1)).replace("readable", "route"),
    ],
    ids=range(14),
)
def test_hostile_json_is_a_mendable_failure_never_an_error(text):
    """Cut, deep, not a number, half a surrogate, a key too many: one reason without a word of the answer."""
    reading = judge(said(text), (1,))
    assert isinstance(reading, Failed) and reading.why == "schema" and reading.mendable
    assert "matter" not in reading.reason and len(reading.reason) < 100
    assert isinstance(salvaged(reading, (1,)), Failed)


def test_a_tools_input_nested_past_reason_is_a_failure():
    """What the SDK could still parse but nobody can write down again breaks the schema."""
    reading = judge(block(type="tool_use", name=TOOL, input=NESTED), (1,))
    assert isinstance(reading, Failed) and reading.why == "schema"


def test_an_answer_of_hostile_length_is_not_parsed():
    """More characters than any answer to three pages has: no parsing, no mending."""
    reading = judge(said('{"pages": "' + "x" * LONGEST + '"}'), (1,))
    assert isinstance(reading, Failed) and not reading.mendable and "characters" in reading.reason


def test_nul_and_control_characters_are_taken_as_they_are():
    """They are legal JSON; the tables replace what they can't keep, and grounding folds them away."""
    reading = judge(said({"pages": [page(1, amounts=[amount("USD 1\x00", "USD 1\x00\x1b")])]}), (1,))
    assert isinstance(reading, Read) and reading.pages[1].record.amounts[0].text == "USD 1\x00"


@pytest.mark.parametrize("content", [None, "text", 5, {}, [None], [5], [{"type": "text"}], [[]]], ids=str)
def test_content_of_any_type_is_an_empty_answer(content):
    """The SDK builds its objects without looking: whatever stands where blocks should be is nothing said."""
    reading = judge(SimpleNamespace(content=content, stop_reason="end_turn"), (1,))
    assert isinstance(reading, Failed) and (reading.why, reading.mendable) == ("empty", True)
    assert judge("<html>not here</html>", (1,)).why == "empty"


def test_problems_name_places_not_values():
    """What is told to the model and written down says where, never what."""
    wrong = page(1, amounts=[FEE | {"legible": "kangaroo"}])
    reading = judge(said({"pages": [wrong]}), (1,))
    assert isinstance(reading, Failed) and reading.problems == ("pages.0.record.amounts.0.legible: bool_parsing",)
    assert "kangaroo" not in reading.reason


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"input_tokens": 5, "output_tokens": 6}, Usage(5, 6)),
        ({"input_tokens": 5, "output_tokens": 6, "cache_read_input_tokens": None}, Usage(5, 6)),
        ({"input_tokens": 5, "output_tokens": 6, "cache_creation_input_tokens": 7}, Usage(5, 6, 7)),
        ({"input_tokens": 5}, None),
        ({"input_tokens": -5, "output_tokens": 6}, None),
        ({"input_tokens": "5", "output_tokens": 6}, None),
        ({"input_tokens": True, "output_tokens": 6}, None),
        ({"input_tokens": 1.5, "output_tokens": 6}, None),
        ({"input_tokens": 10**30, "output_tokens": 6}, None),
        ({"input_tokens": float("nan"), "output_tokens": 6}, None),
        (None, None),
        ("many", None),
    ],
    ids=str,
)
def test_usage_is_counts_or_nothing(usage, counted):
    """A count that is missing, negative, no integer or impossible is not taken for money."""
    from anthropic.types import Message

    assert usage_of(Message.construct(**message("", usage=usage))) == counted  # type: ignore[arg-type]
    assert usage_of(None) is None


# ---- what can still be used


def broken(*pages: object, **extra: object) -> Failed:
    reading = judge(said({"pages": list(pages)} | extra), (1, 2))
    assert isinstance(reading, Failed)
    return reading


def test_pages_that_fit_are_kept_in_doubt_and_the_others_keep_the_reason():
    """One page of two is whole: it is kept, with why it is not to be verified; the other is missing with the reason."""
    failed = broken(page(1, amounts=[FEE]), {"page": 2})
    reading = salvaged(failed, (1, 2))
    assert isinstance(reading, Read) and set(reading.pages) == {1}
    assert reading.pages[1].record.amounts[0].text == "USD 12,500.00"
    assert failed.reason in reading.doubts[1] and reading.missing == {2: failed.reason}


def test_single_values_are_kept_where_the_page_does_not_fit():
    """Values that fit their own part of the schema are kept, also from under keys nobody asked for."""
    half = page(1, amounts=[FEE, FEE | {"legible": 5}, "USD 1", FEE | {"spend": "all"}], dates=None, parties={})
    half["clauses"] = [clause("Governed by the laws of Ohio."), {"category": "Poetry", "summary": "", "quote": "x"}]
    half["record"]["document_type"] = {"kind": "poem"}
    half["route"] = "none"
    reading = salvaged(broken(half), (1, 2))
    assert isinstance(reading, Read)
    record = reading.pages[1].record
    assert [item.quote for item in record.amounts] == [FEE["quote"]] * 2
    assert record.document_type.kind == "unknown" and record.dates == ()
    assert [item.category for item in reading.pages[1].clauses] == ["Governing Law"]


def test_an_answer_cut_in_its_json_keeps_what_came_before_the_cut():
    """What is complete before the break is kept; nothing that was cut in two is."""
    text = json.dumps({"pages": [page(1, amounts=[FEE, FEE | {"text": "USD 9"}])]})
    failed = judge(said(text[: text.index("USD 9") + 3] + '"}'), (1,))
    assert isinstance(failed, Failed)
    reading = salvaged(failed, (1,))
    assert isinstance(reading, Read) and [item.text for item in reading.pages[1].record.amounts] == [FEE["text"]]


def test_pages_never_asked_for_and_second_versions_are_not_kept():
    """The first usable version of a page counts; a page of another number is nobody's."""
    first, second, other = page(1, amounts=[FEE]), page(1, amounts=[FEE | {"text": "USD 1"}]), page(9, amounts=[FEE])
    reading = salvaged(broken(first, second, other), (1, 2))
    assert isinstance(reading, Read) and set(reading.pages) == {1}
    assert [item.text for item in reading.pages[1].record.amounts] == [FEE["text"]]


@pytest.mark.parametrize(
    "pages",
    [
        [],
        [None],
        [{"page": True}],
        [{"page": 1, "record": "x"}],
        [page(9, amounts=[FEE])],
        [page(1), {"record": EMPTY}],
    ],
    ids=range(6),
)
def test_nothing_usable_leaves_the_failure(pages):
    """Without one value there is nothing to keep: the reason stays."""
    failed = broken(*pages)
    assert salvaged(failed, (1, 2)) is failed
