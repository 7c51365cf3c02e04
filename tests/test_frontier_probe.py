"""`muniment doctor` says what would leave without asking anybody; with `--frontier` it asks, with a page of its own."""

import json
from collections.abc import Iterator

import httpx2
import pytest
from frontier_server import KEY, SPENT, Fault, FrontierServer, frontier_server
from sqlalchemy import select

from pipeline.cli import main
from pipeline.doctor import examine, probe_frontier
from pipeline.errors import NotAllowed, UsageError
from pipeline.frontier.probe import NOBODY, Ability, recommended
from pipeline.frontier.probe import _Nobody as Nobody
from pipeline.frontier.probe import _OnlyTheTestPage as OnlyTheTestPage
from pipeline.frontier.profiles import PROFILES
from pipeline.frontier.testpage import small_request
from pipeline.names import clean_matter
from pipeline.settings import Settings, load_settings
from pipeline.tables import calls
from pipeline.wiring import open_tools


@pytest.fixture
def server() -> Iterator[FrontierServer]:
    with frontier_server() as state:
        yield state


def configured(server: FrontierServer, **settings: object) -> Settings:
    """Settings that point at the server."""
    chosen = {"frontier_url": server.url, "frontier_key": KEY, "frontier_kind": "self-hosted"}
    return load_settings(**(chosen | settings))


@pytest.mark.parametrize("name", PROFILES)
def test_the_probe_finds_what_a_server_really_does(home, name):
    """Each kind of server is seen for what it is, and its own profile recommended, whatever is configured."""
    profile = PROFILES[name]
    with frontier_server(name) as server:
        found = probe_frontier(configured(server, frontier_profile="plain"))
    able = {ability["name"] for ability in found["abilities"] if ability["able"]}
    assert found["ok"] and found["profile"] == {"ollama": "plain"}.get(name, name)  # the same abilities, as configured
    for part in ("counting", "caching", "files", "batches"):
        assert (part in able) is getattr(profile, part), part
    assert f"schema by {profile.schema}" in able and ("several images" in able) is (profile.images > 1)


def test_the_probe_is_written_down_and_paid_like_any_call(home, server, capsys):
    """Every call has its row, none stays open, what it says it cost is what the ledger has; it belongs to no matter."""
    settings = configured(server)
    found = probe_frontier(settings)
    with open_tools(settings) as tools, tools.catalog.database.read() as connection:
        rows = connection.execute(select(calls)).all()
        assert [run.status for run in tools.catalog.runs()] == ["finished"]
    assert len(rows) == len(server.asked()) and all(row.state == "settled" for row in rows)
    assert 0 < sum(row.cost for row in rows) == float(found["cost"]) * 1_000_000
    assert all(row.cost <= row.reserved and row.document == "" for row in rows)
    assert main(["costs", "--by", "matter"]) == 0 and "(test page of doctor)" in capsys.readouterr().out


def test_the_probe_needs_no_matters_leave_and_can_use_none(home, server):
    """It goes out though no matter allows anything, and its gate opens for no matter: none can have its name."""
    assert probe_frontier(configured(server))["ok"]
    assert Nobody().of("acme") == "never" and Nobody().of(NOBODY) == "cloud"
    with pytest.raises(UsageError):
        clean_matter(NOBODY)


def test_no_other_page_gets_through_the_probe():
    """Below the SDK, an image that is not the drawn test page is stopped."""
    body = small_request("any", "prompt")
    body["messages"][0]["content"][0]["source"]["data"] = "QUJD"
    request = httpx2.Request("POST", "http://127.0.0.1:9/v1/messages", json=body)
    with pytest.raises(NotAllowed):
        OnlyTheTestPage().handle_request(request)


def test_the_probe_keeps_the_budget(home, server):
    """Without room for a call nothing is sent, and the finding says so."""
    found = probe_frontier(configured(server, budget_run=0))
    assert "budget of this run" in found["problem"] and server.asked() == [] and not found["ok"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(401, {}, "authentication_error"), "refuses the key"),
        (Fault(404, {}, "not_found_error"), "does not know the model"),
        (SPENT, "spend limit"),
        (Fault(529, {}, "overloaded_error"), "overloaded"),
        (Fault(how="reset"), "did not answer"),
    ],
    ids=["key", "model", "spend limit", "overloaded", "reset"],
)
def test_a_destination_that_takes_no_calls_is_a_finding(home, server, fault, says):
    """What keeps every call from succeeding is said in words; it is no crash, and no second call is made."""
    server.always = fault
    found = probe_frontier(configured(server))
    assert says in found["problem"] and not found["ok"] and len(server.asked()) == 1


def test_a_server_that_answers_nothing_usable_is_found_out(home, server):
    """A server that takes every request and says nothing is not taken for one that reads pages."""
    server.always = Fault(how="empty")
    found = probe_frontier(configured(server))
    able = {ability["name"] for ability in found["abilities"] if ability["able"]}
    assert not found["ok"] and not able & {"image", "page answers", "schema by prompt"}
    assert found["profile"] == "plain"


def test_a_profile_is_recommended_only_for_what_was_seen():
    """A single missing ability rules a profile out."""
    seen = [Ability(name, True, "") for name in ("schema by output_config", "schema by tool", "several images")]
    assert recommended(seen, "plain") == "sglang"
    assert recommended([*seen, Ability("counting", True, "")], "plain") == "vllm"
    assert recommended([], "claude") == "plain"


def test_doctor_asks_nobody_unless_told_to(home, server, monkeypatch, capsys):
    """Without `--frontier` not one request is made; with it the findings stand in the text and in the JSON."""
    for name, value in (("URL", server.url), ("KEY", KEY), ("KIND", "self-hosted")):
        monkeypatch.setenv(f"MUNIMENT_FRONTIER_{name}", value)
    assert main(["doctor"]) == 0 and server.requests == []
    capsys.readouterr()
    assert main(["doctor", "--frontier", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["frontier"]["profile"] == "claude" and KEY not in json.dumps(found)
    server.always = Fault(401, {}, "authentication_error")
    assert main(["doctor", "--frontier"]) == 1
    assert "PROBLEM  the destination refuses the key" in capsys.readouterr().out


def test_doctor_says_what_would_leave_and_what_is_kept_there(home):
    """Which matters, what of their pages, where to and where that is; and what the destination keeps of it."""
    own = {"frontier_url": "http://127.0.0.1:9", "frontier_kind": "self-hosted", "frontier_residency": "cellar, Zurich"}
    with open_tools(load_settings(**own)) as tools:
        tools.policies.set("acme", "self-hosted")
        tools.policies.set("blue", "cloud")
    said = "\n".join(examine(load_settings(**own))["leaves_the_machine"])
    assert "acme, blue" in said and "80 words" in said and "cellar, Zurich" in said and "firm's own setting" in said
    claude = {"frontier_url": "https://api.anthropic.com", "frontier_kind": "cloud", "frontier_profile": "claude"}
    said = "\n".join(examine(load_settings(**claude))["leaves_the_machine"])
    assert "acme" not in said and "blue" in said and "30 days" in said and "29 days" in said
    other = {"frontier_url": "https://models.example", "frontier_kind": "cloud"}
    said = "\n".join(examine(load_settings(**other))["leaves_the_machine"])
    assert "agreement" in said and "30 days" not in said
