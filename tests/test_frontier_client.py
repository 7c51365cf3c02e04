"""One request and what becomes of it: its body, its row in the ledger, its retries, its one attempt to mend."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx2
import pytest
from frontier_replies import USAGE, Replies, Reply, amount, answer, message, page, refusal, replies

from pipeline.database import Database
from pipeline.errors import BudgetSpent, CatalogBusy, FrontierStopped, NotAllowed
from pipeline.frontier import client as client_module
from pipeline.frontier.answers import TOOL, Failed, Read
from pipeline.frontier.client import MOST_OUTPUT, OUTPUT_A_PAGE, Asked, Deferred, FrontierClient, Setup
from pipeline.frontier.gate import destination_of
from pipeline.frontier.ledger import Budget
from pipeline.frontier.models import MODELS, model_of
from pipeline.frontier.profiles import PROFILES
from pipeline.frontier.prompts import Part
from pipeline.settings import load_settings
from pipeline.tables import calls
from pipeline.wiring import Tools, open_tools
from schemas.frontier import answer_json_schema

SONNET = MODELS["claude-sonnet-5-5"]
FEE = amount("USD 12,500.00", "a fee of USD 12,500.00")
BROKEN = {"pages": [page(1, amounts=[FEE, {"text": "USD 1"}])]}


@pytest.fixture
def server() -> Iterator[Replies]:
    with replies() as state:
        yield state


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Iterator[Tools]:
    with open_tools(load_settings(home=tmp_path_factory.mktemp("home"))) as tools:
        yield tools


@pytest.fixture
def tools(opened) -> Tools:
    """With a matter whose pages may leave, and no call in the ledger."""
    opened.policies.set("acme", "self-hosted")
    with opened.catalog.database.write() as connection:
        connection.execute(calls.delete())
    return opened


@pytest.fixture
def make(server, tools):
    """A client for the server; what it slept is in `client.slept`."""
    made = []

    def build(profile: str = "claude", **setup: object) -> FrontierClient:
        slept: list[float] = []
        whole = {"model": SONNET, "at_once": 2, "seconds": 20.0} | setup
        destination = destination_of(server.url, "self-hosted", "")
        client = FrontierClient(
            Setup(destination, profile=PROFILES[profile], key="the-key", **whole),
            tools.ledger,
            tools.policies,
            slept.append,
        )
        client.slept = slept
        made.append(client)
        return client

    yield build
    for client in made:
        client.close()


def asked(*numbers: int, problem: str = "") -> Asked:
    parts = tuple(Part(n, ({"type": "text", "text": f"Page {n}"},), 100, problem) for n in numbers or (1,))
    return Asked(1, "doc", "acme", parts)


def rows(database: Database) -> list[tuple[str, int, int, dict[str, int]]]:
    """Of each call: state, reserved and cost in millionths, usage."""
    with database.read() as connection:
        found = connection.execute(calls.select().order_by(calls.c.id)).all()
    return [(row.state, row.reserved, row.cost, json.loads(row.usage)) for row in found]


def states(tools: Tools) -> list[str]:
    return [row[0] for row in rows(tools.catalog.database)]


# ---- the body


def test_a_schema_by_output_config(make):
    """The server binds the answer to the schema, the prefix is cached, little thinking is asked for."""
    body = make("claude").body(asked(), [])
    format = {"type": "json_schema", "schema": answer_json_schema()}
    assert body["output_config"] == {"effort": "low", "format": format} and "tools" not in body
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert json.dumps(answer_json_schema(), separators=(",", ":")) in body["system"][0]["text"]


def test_a_schema_by_a_strict_tool(make):
    """The tool has to be called; the model sees the schema there and not twice."""
    body = make("sglang").body(asked(), [])
    (tool,) = body["tools"]
    assert (tool["name"], tool["strict"], tool["input_schema"]) == (TOOL, True, answer_json_schema())
    assert body["tool_choice"] == {"type": "tool", "name": TOOL} and "output_config" not in body
    assert "JSON Schema" not in body["system"][0]["text"]


def test_a_schema_by_the_prompt(make):
    """A server that can do nothing is asked in words, and for nothing else it might not know."""
    body = make("plain").body(asked(), [])
    assert set(body) == {"model", "max_tokens", "system", "messages"}
    assert set(body["system"][0]) == {"type", "text"} and "JSON Schema" in body["system"][0]["text"]


def test_only_a_model_that_knows_effort_is_told_it(make):
    """A model of the firm's own, or an older one, would refuse the parameter."""
    for model in (MODELS["claude-haiku-4-5"], model_of("qwen3-vl", free=True)):
        assert set(make("claude", model=model).body(asked(), [])["output_config"]) == {"format"}


def test_the_region_is_sent_only_when_it_is_set(make):
    """Where inference is kept is part of each request then, and of none otherwise."""
    assert "inference_geo" not in make("claude").body(asked(), [])
    assert make("claude", region="us").body(asked(), [])["inference_geo"] == "us"


def test_room_for_the_answer_grows_with_the_pages(make):
    """As many tokens as the pages may need, never more than a call without streaming may have."""
    client = make("claude")
    assert client.body(asked(1), [])["max_tokens"] == OUTPUT_A_PAGE
    assert client.body(asked(1, 2, 3, 4), [])["max_tokens"] == MOST_OUTPUT


def test_the_cached_prefix_is_the_same_bytes_in_each_request(make, server):
    """Everything up to the cache mark, and the schema with it, is equal from call to call, whatever the page."""
    client = make("claude")
    server.always = lambda path, body: Reply(message(answer(int(body["messages"][0]["content"][0]["text"][5:]))))
    client.ask(asked(1))
    client.ask(asked(2))
    first, second = [data for path, data in server.asked if path == "/v1/messages"]
    cut = [data[data.index(b'"system":') : data.index(b'"cache_control"')] for data in (first, second)]
    assert cut[0] == cut[1] and len(cut[0]) > 10_000
    one, other = (json.loads(data) for data in (first, second))
    assert one["messages"] != other["messages"]
    assert all(one[key] == other[key] for key in one.keys() - {"messages"})


# ---- an answer, and what it cost


def test_an_answer_is_read_and_its_usage_stored(make, server, tools):
    """One request, one row: settled, with the tokens the server counted and what they cost."""
    usage = USAGE | {"cache_creation_input_tokens": 4000, "cache_read_input_tokens": None}
    server.replies = [Reply(message(answer(1), usage=usage))]
    assert isinstance(make().ask(asked()), Read)
    ((state, reserved, cost, counted),) = rows(tools.catalog.database)
    assert (state, cost) == ("settled", 14_000) and reserved > cost
    assert counted["input_tokens"] == 1000 and counted["cache_creation_input_tokens"] == 4000


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (message("", "refusal", content=[]), "refused"),
        (message(answer(1), "max_tokens"), "truncated"),
        (message(BROKEN), "kept in part"),
        (message("", content=[]), "empty"),
        (message({"pages": []}), "pages"),
    ],
    ids=["refused", "truncated", "broken", "empty", "wrong pages"],
)
def test_usage_is_stored_whatever_happens(make, server, tools, body, outcome):
    """An answer that brings nothing was paid for all the same: every row says what it used and cost."""
    server.always = lambda path, _: Reply(body)
    result = make().ask(asked())
    assert (result.why if isinstance(result, Failed) else "kept in part") == outcome
    for state, _, cost, counted in rows(tools.catalog.database):
        assert (state, cost, counted["output_tokens"]) == ("failed", 4000, 200)


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": -1, "output_tokens": 1}, {"input_tokens": "x"}], ids=str)
def test_an_answer_that_does_not_say_what_it_used_counts_with_all_that_was_reserved(make, server, tools, usage):
    """Its cost is unknown, never zero and never negative; the answer itself is kept."""
    server.replies = [Reply(message(answer(1), usage=usage))]
    assert isinstance(make().ask(asked()), Read)
    assert states(tools) == ["lost"] and tools.ledger.spent(1) > 0


def test_an_answer_outlives_a_ledger_that_cannot_be_written(make, server, tools, monkeypatch):
    """What was paid for is not thrown away because the database is busy: its row stays open and counts in full."""

    def busy(*_: object, **__: object) -> None:
        raise CatalogBusy("another process holds the catalog")

    monkeypatch.setattr(tools.ledger, "settle", busy)
    assert isinstance(make().ask(asked()), Read)
    assert states(tools) == ["open"] and tools.ledger.spent(1) > 0


# ---- one attempt to mend


def test_an_answer_that_breaks_the_schema_is_mended_once(make, server, tools):
    """The model is told where it went wrong, with its own answer before it; both calls are paid and stand."""
    server.replies = [Reply(message(BROKEN)), Reply(message(answer(1)))]
    assert isinstance(make().ask(asked()), Read)
    first, second = server.bodies()
    assert [turn["role"] for turn in second["messages"]] == ["user", "assistant", "user"]
    assert second["messages"][0] == first["messages"][0]
    assert "pages.0.record.amounts.1.quote: missing" in second["messages"][2]["content"]
    assert states(tools) == ["failed", "settled"]


def test_after_one_attempt_what_can_be_used_is_kept_in_doubt(make, server):
    """Two broken answers, no third request: the values that fit are kept, with why they are never verified."""
    server.always = lambda path, body: Reply(message(BROKEN))
    reading = make().ask(asked())
    assert isinstance(reading, Read) and "only in part" in reading.doubts[1]
    assert [item.text for item in reading.pages[1].record.amounts] == ["USD 12,500.00"]
    assert len(server.bodies()) == 2


def test_the_first_answer_serves_where_the_second_is_worse(make, server):
    """The attempt to mend was refused: what could be used of the first answer is kept."""
    server.replies = [Reply(message(BROKEN)), Reply(message("", "refusal", content=[]))]
    reading = make().ask(asked())
    assert isinstance(reading, Read) and reading.pages[1].record.amounts and reading.doubts


def test_where_nothing_can_be_used_the_reason_stands(make, server):
    """Two answers without a usable value: one reason, no third request."""
    server.always = lambda path, body: Reply(message("I can't see any page."))
    reading = make().ask(asked())
    assert isinstance(reading, Failed) and reading.reason == "the answer is no JSON" and len(server.bodies()) == 2


def test_a_cut_answer_is_asked_for_again_with_all_the_room_there_is(make, server):
    """The same request with room for the longest answer; cut again, it is left to a person, unparsed."""
    server.replies = [Reply(message(answer(1), "max_tokens")), Reply(message(answer(1)))]
    client = make()
    assert isinstance(client.ask(asked()), Read)
    assert [body["max_tokens"] for body in server.bodies()] == [OUTPUT_A_PAGE, MOST_OUTPUT]
    server.always = lambda path, body: Reply(message(answer(1), "max_tokens"))
    assert client.ask(asked()).why == "truncated" and len(server.bodies()) == 4


def test_a_refusal_is_not_argued_with(make, server):
    """One request; the reason says that the model refused."""
    server.always = lambda path, body: Reply(message("I can't.", "refusal"))
    reading = make().ask(asked())
    assert isinstance(reading, Failed) and reading.why == "refused" and len(server.bodies()) == 1


def test_a_page_that_cannot_be_sent_costs_nothing(make, server, tools):
    """Its reason comes back without a request and without a row."""
    reading = make().ask(asked(1, problem="the stored image of the page can't be sent: it is empty"))
    assert reading == Failed("image", "the stored image of the page can't be sent: it is empty")
    assert not server.asked and states(tools) == []


# ---- retries


def test_what_passes_is_waited_out(make, server, tools):
    """A rate limit, an overload and a reset, then the answer: the time asked for, then doubled; each has its row."""
    server.replies = [
        refusal(429, "rate_limit_error", retry_after="2"),
        refusal(529, "overloaded_error"),
        Reply(status=0),
    ]
    client = make()
    assert isinstance(client.ask(asked()), Read)
    assert client.slept == [2.0, 2.0, 4.0] and states(tools) == ["failed", "failed", "lost", "settled"]


def test_an_outage_defers_and_then_nobody_asks(make, server):
    """After five failures in a row the breaker is open: pages wait, and no request is made."""
    server.always = lambda path, body: refusal(529, "overloaded_error")
    client = make()
    assert isinstance(client.ask(asked()), Deferred) and isinstance(client.ask(asked()), Deferred)
    count = len(server.asked)
    assert count == 5 and "out of reach" in client.ask(asked()).reason and len(server.asked) == count


def test_a_destination_that_is_not_there_costs_nothing(make, server, tools):
    """No connection came about, so nothing can have been paid: the rows are closed, and the pages wait."""
    client = make()
    server.down()
    assert isinstance(client.ask(asked()), Deferred)
    assert set(states(tools)) == {"failed"} and tools.ledger.spent(1) == 0


def test_refusals_are_no_outage(make, server):
    """A destination that answers, if only to refuse, is not out of reach: its refusals close what failures opened."""
    client = make("plain")
    server.replies = [reply for _ in range(6) for reply in (refusal(529), refusal(400))]
    for _ in range(6):
        assert client.ask(asked()).why == "request"
    assert isinstance(client.ask(asked()), Read)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>gateway</html>", headers={"content-type": "text/html"}),
        Reply(b"{", headers={"content-type": "application/json"}),
        Reply(b""),
        Reply(b"[" * 100_000),
        Reply({"detail": "ok"}),
        Reply(b"null"),
        Reply(b"\xff\xfe"),
        Reply(b"[1]"),
        Reply(b'"said"'),
    ],
    ids=["html", "cut", "nothing", "deep", "other", "null", "bytes", "list", "string"],
)
def test_a_200_that_is_no_message_is_tried_again_and_then_waited_for(make, server, tools, reply):
    """A proxy's page, half a body, another protocol: never an error, never a page's last word, never free."""
    server.always = lambda path, body: reply
    client = make()
    result = client.ask(asked())
    assert isinstance(result, Deferred) and "makes no sense" in result.reason
    assert set(states(tools)) == {"lost"} and len(client.slept) == 3


@pytest.mark.parametrize("status", [302, 401, 403, 404, 405, 501])
def test_what_only_a_person_can_mend_stops_the_asking(make, server, status):
    """A redirect, a refused key, an unknown address or protocol: the run stops, with the reason."""
    server.always = lambda path, body: refusal(status)
    with pytest.raises(FrontierStopped, match=str(status)):
        make("plain").ask(asked())
    assert len(server.asked) == 1


def test_an_interruption_leaves_no_call_uncounted(make, tools, monkeypatch):
    """Ctrl-C in the middle of a call: it goes on up, and the row counts with all that was reserved."""
    client = make()

    def interrupted(*_: object, **__: object) -> httpx2.Response:
        raise KeyboardInterrupt

    monkeypatch.setattr(httpx2.Client, "send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.ask(asked())
    assert states(tools) == ["lost"] and tools.ledger.spent(1) > 0


def test_a_matter_that_keeps_its_pages_sends_nothing(make, server, tools):
    """Neither a call nor a count, and no row."""
    tools.policies.set("acme", "never")
    with pytest.raises(NotAllowed):
        make(budget=Budget(run=Decimal(5))).ask(asked())
    assert not server.asked and states(tools) == []


def test_nothing_of_the_environment_is_sent(make, server, monkeypatch):
    """Key, address and headers that the SDK would take from the environment are not used."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "env-key")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-env: leaked\nanthropic-beta: surprise")
    client = make()
    sent: list[httpx2.Headers] = []
    sdk = client.sdk("acme")
    sdk._client.event_hooks = {"request": [lambda request: sent.append(request.headers)]}
    assert isinstance(client.ask(asked()), Read)
    (headers,) = sent
    assert "x-env" not in headers and "surprise" not in str(headers) and "env-key" not in str(headers)


def test_the_destination_must_be_reached_soon(make):
    """The time a call may take is for the answer, not for a host that isn't there."""
    timeout = make(seconds=300.0).sdk("acme").timeout
    assert (timeout.read, timeout.connect) == (300.0, 10.0)


# ---- what a server promises and doesn't keep


def refusing(*keys: str, status: int = 400):
    """A server that answers a request only without any of these keys (`cache_control` anywhere in it)."""

    def reply(path: str, body: dict) -> Reply:
        there = set(body) | ({"cache_control"} if '"cache_control"' in json.dumps(body) else set())
        if path.endswith("count_tokens"):
            return refusal(404, "not_found_error") if "count" in keys else Reply({"input_tokens": 50})
        if there & set(keys):
            return refusal(status, text="Extra inputs are not permitted")
        if "tools" in body:
            used = {"type": "tool_use", "id": "t", "name": TOOL, "input": answer(1)}
            return Reply(message("", "tool_use", content=[used]))
        return Reply(message(answer(1)))

    return reply


@pytest.mark.parametrize(
    ("keys", "form", "status"),
    [
        (("output_config",), ("tool", True), 400),
        (("output_config", "tools"), ("prompt", True), 422),
        (("cache_control",), ("output_config", False), 400),
        (("cache_control", "output_config"), ("tool", False), 404),
        (("cache_control", "output_config", "tools"), ("prompt", False), 501),
    ],
    ids=["output_config", "and tool", "cache", "cache and output_config", "all"],
)
def test_a_refused_ability_is_done_without_for_the_rest_of_the_run(make, server, caplog, keys, form, status):
    """The page is read in the plainer form; the next request has it at once; one line says so."""
    server.always = refusing(*keys, status=status)
    client = make("claude")
    with caplog.at_level(logging.WARNING, "pipeline"):
        assert isinstance(client.ask(asked()), Read)
        count = len(server.asked)
        assert isinstance(client.ask(asked()), Read)
    assert (client.abilities.profile.schema, client.abilities.profile.caching) == form
    assert len(server.asked) == count + 1 and len(caplog.records) == 1


def test_a_request_refused_in_its_plainest_form_is_refused(make, server, tools):
    """The page is wrong, not the server: it fails with the first reason, and the next page is asked for in full."""
    server.always = lambda path, body: refusal(400)
    client = make("claude")
    reading = client.ask(asked())
    assert isinstance(reading, Failed) and reading.reason == (
        "the destination refused the request (400 invalid_request_error)"
    )
    assert set(states(tools)) == {"failed"} and tools.ledger.spent(1) == 0
    server.always = refusing()
    assert isinstance(client.ask(asked()), Read) and client.abilities.profile == PROFILES["claude"]


def test_a_refusal_that_echoes_the_page_is_not_written_down(make, server, tools, caplog):
    """A server may put anything into its error, its type, too: no reason, row or log line holds a word of it."""
    server.always = lambda path, body: refusal(400, "the kangaroo mural", "the kangaroo mural")
    with caplog.at_level(logging.DEBUG, "pipeline"):
        reading = make("plain").ask(asked())
    with tools.catalog.database.read() as connection:
        kept = str(connection.execute(calls.select()).all())
    assert "kangaroo" not in f"{reading} {kept} {caplog.text}"


def test_once_a_form_was_answered_a_refusal_is_about_the_page(make, server):
    """No plainer form is tried for a request that is wrong on a server whose abilities are known."""
    client = make("claude")
    client.ask(asked())
    server.replies = [refusal(400)]
    assert client.ask(asked()).why == "request" and len(server.asked) == 2


def test_a_spend_limit_is_no_missing_ability(make, server):
    """A 400 that names it is one request and a stop, also before anything was answered."""
    server.always = lambda path, body: refusal(400, text="You have reached your specified API usage limits.")
    with pytest.raises(FrontierStopped, match="spend limit"):
        make("claude").ask(asked())
    assert len(server.asked) == 1


def test_calls_side_by_side_agree_on_the_abilities(make, server):
    """Several first calls at once find the same form, and none fails for it."""
    server.always = refusing("output_config", "cache_control")
    client = make("claude", at_once=4)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(client.ask, [asked()] * 8))
    assert all(isinstance(outcome, Read) for outcome in outcomes)
    assert client.abilities.profile.schema == "tool" and not client.abilities.profile.caching


def test_tokens_are_counted_only_under_a_budget(make, server):
    """A count sends the page too: without a budget to keep there is none."""
    server.always = refusing()
    make("claude").ask(asked())
    assert server.bodies("/v1/messages/count_tokens") == []
    make("claude", budget=Budget(day=Decimal(5)), region="us").ask(asked())
    (counted,) = server.bodies("/v1/messages/count_tokens")
    assert "max_tokens" not in counted and "inference_geo" not in counted


def test_a_server_that_counts_nothing_is_estimated_for(make, server, caplog):
    """The first refused count is the last: the budget is kept by an estimate, and one line says so."""
    server.always = refusing("count")
    client = make("claude", budget=Budget(run=Decimal(5)))
    with caplog.at_level(logging.WARNING, "pipeline"):
        for _ in range(2):
            assert isinstance(client.ask(asked()), Read)
    assert len(server.bodies("/v1/messages/count_tokens")) == 1 and len(caplog.records) == 1


@pytest.mark.parametrize(
    "count", [Reply(b"<html>"), Reply({"input_tokens": "many"}), Reply({"input_tokens": -5}), Reply({}), Reply(b"null")]
)
def test_a_count_that_makes_no_sense_is_none(make, server, tools, count):
    """Whatever comes back for a count, the page is read and the reservation is the estimate."""
    server.always = lambda path, body: count if path.endswith("count_tokens") else Reply(message(answer(1)))
    assert isinstance(make("claude", budget=Budget(run=Decimal(5))).ask(asked()), Read)
    ((state, reserved, _, _),) = rows(tools.catalog.database)
    assert state == "settled" and reserved >= OUTPUT_A_PAGE * 10


def test_a_budget_is_kept_before_anything_is_sent(make, server, tools):
    """A call that could cost more than is left is not made, and the attempt to mend asks the budget, too."""
    with pytest.raises(BudgetSpent):
        make("plain", budget=Budget(run=Decimal("0.01"))).ask(asked())
    assert not server.asked
    server.always = lambda path, body: Reply(message(BROKEN))
    first = SONNET.most(client_module.SCHEMA_TOKENS + 100, OUTPUT_A_PAGE)
    with pytest.raises(BudgetSpent):
        make("plain", budget=Budget(run=first + Decimal("0.001"))).ask(asked())
    assert len(server.asked) == 1 and states(tools) == ["failed"]


def test_the_estimate_covers_what_is_sent(make):
    """Prefix, pages and turns: no fewer tokens than there would be at two characters each."""
    client = make("claude")
    mended = [{"role": "user", "content": []}, {"role": "assistant", "content": "x" * 1000}]
    assert client._estimated(asked(), mended) >= client_module.SCHEMA_TOKENS + 100 + 500
