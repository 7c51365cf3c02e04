"""Ways of reading side by side. What the loopback model reads shows the mechanics only: it is no frontier model."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from frontier_server import KEY, Fault, FrontierServer, frontier_server
from homes import copy_home
from pdfs import AGREEMENT, LEASE, born_digital, scanned

from pipeline.catalog import Catalog
from pipeline.cli import main
from pipeline.errors import UsageError
from pipeline.evaluate.compare import Case, Comparison, Told, compare
from pipeline.evaluate.goldenset import LookedUp, golden_documents
from pipeline.evaluate.walked import Walked
from pipeline.evaluate.ways import Way, ways_of
from pipeline.frontier.costs import spent_by
from pipeline.frontier.ledger import Budget, Ledger, Planned
from pipeline.frontier.paid import Paid, paid
from pipeline.frontier.work import conclude
from pipeline.run import ingest_paths
from pipeline.settings import load_settings
from pipeline.triage import Policy, decide
from pipeline.types import Document, FieldStatus, Finding, Signals, TextSource
from pipeline.wiring import open_tools

# ---- ways


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("local", Way("local")),
        ("escalated", Way("escalated", None, "sonnet")),
        ("escalated@0.7", Way("escalated", 0.7, "sonnet")),
        ("all:opus", Way("all", None, "opus")),
        ("escalated@1:qwen2.5vl:7b@q4", Way("escalated", 1.0, "qwen2.5vl:7b@q4")),
    ],
)
def test_a_way_is_pages_and_a_model(text, way):
    """Without a model the configured one is meant; a model's id may hold colons and at-signs."""
    assert ways_of([text, text], "sonnet") == (way,)
    assert ways_of([str(way)], "other") == (way,)


@pytest.mark.parametrize(
    "text",
    ["", "everything", "local:opus", "local@0.5", "all@0.5", "all:", "escalated@", "escalated@2", "escalated@nan"],
)
def test_what_is_no_way_is_refused(text):
    """Each with what would be one."""
    with pytest.raises(UsageError, match=r"known are|a confidence from 0 to 1"):
        ways_of([text], "sonnet")


# ---- what pages cost


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}") as catalog:
        yield catalog


def call(ledger: Ledger, document: str, pages: tuple[int, ...], model: str = "opus", cost: str | None = None) -> None:
    """A call that may cost 1 USD; settled at `cost` if given, else open."""
    number = ledger.reserve(Planned(1, document, "acme", pages, "host", model, Decimal(1)), Budget())
    if cost is not None:
        ledger.settle(number, Decimal(cost), {})


def test_a_call_is_split_evenly_and_pages_add_up(catalog):
    """A page asked about twice costs both its shares; another model's calls and another content's cost it nothing."""
    ledger = Ledger(catalog.database)
    for id, matter, sha256 in (("d1", "acme", "aa"), ("d2", "bolt", "aa"), ("d3", "acme", "bb")):
        catalog.add(Document(id, matter, f"{id}.pdf", sha256 * 32), f"/{id}.pdf")
    call(ledger, "d1", (1, 2, 3), cost="0.30")
    call(ledger, "d2", (3,), cost="0.05")
    call(ledger, "d1", (1,), model="sonnet", cost="9")
    call(ledger, "d3", (1,), cost="9")
    tenth = Decimal("0.1")
    assert paid(catalog.database, "aa" * 32, "opus") == {1: Paid(tenth), 2: Paid(tenth), 3: Paid(Decimal("0.15"))}


def test_a_call_without_an_end_is_told_apart(catalog):
    """Nobody knows what it cost: all it reserved, beside what is known."""
    ledger = Ledger(catalog.database)
    catalog.add(Document("d1", "acme", "d1.pdf", "aa" * 32), "/d1.pdf")
    call(ledger, "d1", (1, 2))
    call(ledger, "d1", (1,), cost="0.20")
    half = Decimal("0.5")
    assert paid(catalog.database, "aa" * 32, "opus") == {1: Paid(Decimal("0.2"), half), 2: Paid(unsure=half)}


# ---- the comparison


def finding(page: int, value: str, extractor: str) -> Finding:
    """A governing law whose quote stands on the page; a frontier model is the surer reader."""
    confidence = 0.3 if extractor == "rules/1" else 0.95
    sure = FieldStatus.VERIFIED
    return Finding("governing_law", page, value, value, value, confidence, extractor, status=sure)


def case(number: int, local: dict[int, str], answers: dict[str, dict[int, str]], usd: str = "0.10") -> Case:
    """A document of three pages read at 0.95, 0.8 and 0.5, whose page 3 says that Texas's law governs: what was read
    here, and what each model read of the pages it was asked about, at `usd` a page."""
    line = {"document": f"{number}.pdf", "fields": {"governing_law": [{"value": "Texas", "page": 3}]}}
    (golden,) = golden_documents([json.dumps(line)])
    signals = [Signals(0.1, 0.8, 200, 0, 0, 300, TextSource.OCR, confidence) for confidence in (0.95, 0.8, 0.5)]
    triages = tuple(decide(page, each, None, Policy()) for page, each in enumerate(signals, 1))
    found = {page: [finding(page, local[page], "rules/1")] if page in local else [] for page in (1, 2, 3)}
    told = {
        model: Told(
            {page: [finding(page, law, model)] if law else [] for page, law in pages.items()},
            frozenset(page for page, law in pages.items() if not law),
            {page: Paid(Decimal(usd)) for page in pages},
        )
        for model, pages in answers.items()
    }
    document = Document(str(number), "m", f"{number}.pdf", f"{number:064}", page_count=3)
    return Case(Walked(golden, document, triages, found), told)


def compared(cases: list[Case], *ways: str) -> Comparison:
    """The comparison of these ways under the threshold 0.6."""
    found = LookedUp(tuple((each.walked.golden, each) for each in cases))
    return compare(found, ways_of(ways, "opus"), Policy(escalate_below=0.6), 0.0)


ALL = {1: "Ohio", 2: "", 3: "Texas"}


def test_each_way_asks_about_its_pages():
    """None; the one read below the threshold; the two below 0.9; every one."""
    found = compared([case(1, {}, {"opus": ALL})], "local", "escalated", "escalated@0.9", "all")
    assert [row.pages for row in found.rows] == [0, 1, 2, 3]
    assert [row.paid.usd for row in found.rows] == [Decimal(cents) / 10 for cents in range(4)]
    assert [row.unusable for row in found.rows] == [0, 0, 1, 1]


def test_quality_is_what_the_asked_pages_make_of_the_record():
    """The hard page mends the law; asking about every page brings a wrong one, too, and costs more."""
    cases = [case(n, {3: "Ohio"}, {"opus": {1: "", 2: "", 3: "Texas"}}) for n in (1, 2)]
    local, escalated, everything = compared(cases, "local", "escalated", "all").rows
    assert [row.f1.value for row in (local, escalated, everything)] == [0.0, 1.0, 1.0]
    assert [row.gained.value for row in (local, escalated, everything)] == [0.0, 1.0, 1.0]
    assert escalated.verified == 0.0  # nobody measured how far this model can be trusted
    assert escalated.as_json()["verified_right"] is None
    assert escalated.usd_per_1000 == pytest.approx(1000 * 0.2 / 6)
    assert local.gained_per_usd is None
    assert escalated.gained_per_usd == pytest.approx(1.0 / (1000 * 0.2 / 6), abs=1e-6)


def test_the_knee_is_the_way_after_which_money_buys_less():
    """Escalation mends all there is to mend: reading the rest costs and brings nothing."""
    cases = [case(n, {}, {"opus": {1: "", 2: "", 3: "Texas"}}) for n in (1, 2)]
    found = compared(cases, "local", "escalated", "all")
    assert str(found.rows[found.knee].way) == "escalated:opus"
    assert compared(cases, "local", "escalated").knee is None


def test_each_model_has_its_own_answers_and_price():
    """The same pages by two models: neither hears or pays the other's."""
    told = {"opus": {3: "Texas"}, "sonnet": {3: "Ohio"}}
    opus, sonnet = compared([case(1, {}, told)], "escalated", "escalated:sonnet").rows
    assert (opus.f1.value, sonnet.f1.value, sonnet.gained.value) == (1.0, 0.0, -1.0)
    assert opus.paid == sonnet.paid == Paid(Decimal("0.10"))
    assert sonnet.gained_per_usd is None  # it is no dearer: there is no dollar that could have bought anything


def test_pages_without_an_answer_are_said_and_make_no_knee():
    """A way that was asked in part is no point of the curve, and has no quality per dollar."""
    cases = [case(1, {}, {"opus": ALL}), case(2, {}, {"opus": {3: "Texas"}})]
    found = compared(cases, "local", "escalated", "all")
    row = found.rows[2]
    assert (row.pages, row.unread_pages, row.gained_per_usd) == (6, 2, None)
    assert [(document.id, sorted(pages)) for document, pages in row.unread] == [("2", [1, 2])]
    assert found.knee is None and found.rows[1].gained_per_usd is not None


def test_the_same_content_is_paid_for_once():
    """A golden set may hold it in two matters; what is judged twice cost what it cost once."""
    first = case(1, {}, {"opus": {3: "Texas"}})
    walked = first.walked
    twin = Case(Walked(walked.golden, replace(walked.document, id="2"), walked.triages, walked.local), first.told)
    (row,) = compared([first, twin], "escalated").rows
    assert (row.pages, row.paid.usd) == (2, Decimal("0.10"))


def test_differences_are_paired():
    """A way that is better by one document in each pair is so in every resample that holds them."""
    cases = [case(n, {3: "Texas"} if n % 2 else {}, {"opus": {3: "Texas"}}) for n in range(1, 9)]
    row = compared(cases, "local", "escalated").rows[1]
    assert 0 < row.gained.low <= row.gained.value <= row.gained.high < 1


def test_nothing_here_is_nothing_compared():
    """No document that was worked off: no rows, and no division by its pages."""
    found = compare(LookedUp((), ("a.pdf",)), ways_of(["local", "all"], "opus"), Policy(), 0.5)
    assert (found.rows, found.knee, found.missing) == ((), None, ("a.pdf",))


# ---- the command, asking a server


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """A home with a text-layer page and a scan of two pages in matter acme, the same scan again in matter bolt."""
    folder = tmp_path_factory.mktemp("archive")
    scan = scanned(folder / "acme" / "deal.pdf", AGREEMENT, LEASE)
    born_digital(folder / "acme" / "msa.pdf", AGREEMENT)
    (folder / "bolt").mkdir()
    shutil.copyfile(scan, folder / "bolt" / "deal.pdf")
    with open_tools(load_settings(home=folder / "home", workers=2)) as tools:
        for matter in ("acme", "bolt"):
            ingest_paths([folder / matter], matter, tools)
    return folder / "home"


@pytest.fixture
def server() -> Iterator[FrontierServer]:
    with frontier_server() as state:
        yield state


@pytest.fixture
def office(archive, server, home, monkeypatch) -> Path:
    """A copy of that home, with the server as its frontier model."""
    copy_home(archive, home)
    chosen = {"URL": server.url, "KEY": KEY, "KIND": "self-hosted", "PROFILE": "claude"}
    for name, value in chosen.items():
        monkeypatch.setenv(f"MUNIMENT_FRONTIER_{name}", value)
    return home


LAW = {"governing_law": [{"value": "New York", "page": 1}]}
DEAL, MSA = {"document": "deal.pdf", "matter": "acme", "fields": LAW}, {"document": "msa.pdf", "fields": LAW}


@pytest.fixture
def run(capsys, tmp_path):
    """Compare ways on golden lines: the exit code and what was printed, as JSON where it is."""

    def run(lines: list[dict], *arguments: str) -> tuple[int, dict]:
        file = tmp_path / "golden.jsonl"
        file.write_text("\n".join(map(json.dumps, lines)))
        code = main(["evaluate", "compare", str(file), *arguments, "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else {}

    return run


def allow(*matters: str) -> None:
    """Let the pages of these matters go to the firm's own server."""
    with open_tools() as tools:
        for matter in matters:
            tools.policies.set(matter, "self-hosted")


def test_without_ask_nothing_is_sent_and_the_price_is_named(office, server, run):
    """What was never asked about is unread; what asking would cost at most stands beside it."""
    allow("acme")
    code, found = run([DEAL, MSA], "local", "escalated@1", "all")
    local, escalated, everything = found["ways"]
    assert code == 0 and server.requests == []
    assert [way["pages_unread"] for way in found["ways"]] == [0, 2, 3]
    assert local["asking_costs_at_most_usd"] is None and local["usd"] == "0"
    bounds = [Decimal(way["asking_costs_at_most_usd"]) for way in (escalated, everything)]
    assert Decimal(0) < bounds[0] < bounds[1] and found["knee"] is None


def test_asking_fills_the_rows_with_what_was_paid(office, server, run):
    """Every page is asked about once, the dearest way cost what the ledger holds, and nothing is asked twice."""
    allow("acme")
    code, found = run([DEAL, MSA], "local", "escalated@1", "all", "--ask")
    local, escalated, everything = found["ways"]
    assert (code, found["asked"]["answered"], found["asked"]["failed"]) == (0, 3, {})
    assert len(server.asked()) == 2  # a scan of two pages in one request, and the other document
    assert [way["pages_unread"] for way in found["ways"]] == [0, 0, 0]
    with open_tools() as tools:
        (line,) = spent_by(tools.catalog.database, "model")
        records = [tools.catalog.record(document.id) for document in tools.catalog.documents()]
    assert Decimal(everything["usd"]) == line.usd == Decimal(found["asked"]["spent"])
    assert Decimal(0) < Decimal(escalated["usd"]) < Decimal(everything["usd"])
    assert local["f1"]["value"] == 1.0 and found["knee"] == "local"
    assert not any("claude" in record for record in records)  # a comparison changes no record
    code, again = run([DEAL, MSA], "local", "escalated@1", "all", "--ask")
    assert len(server.asked()) == 2 and again["asked"]["answered"] == 0 and again["ways"] == found["ways"]


def test_a_second_model_is_asked_for_itself_at_its_own_price(office, server, run):
    """Its answers stand beside the first one's, each way pays its own, and the record uses the configured model's."""
    allow("acme")
    run([DEAL], "all", "--ask")
    _, found = run([DEAL], "all", "all:claude-opus-5-5", "--ask")
    sonnet, opus = found["ways"]
    assert [body["model"] for body in server.asked()] == ["claude-sonnet-5-5", "claude-opus-5-5"]
    with open_tools() as tools:
        spent = {line.key: line.usd for line in spent_by(tools.catalog.database, "model")}
    paid_for = {row["model"]: Decimal(row["usd"]) for row in (sonnet, opus)}
    assert paid_for == spent and len(set(spent.values())) == 2
    for model in ("claude-opus-5-5", "claude-sonnet-5-5"):
        with open_tools(load_settings(frontier_model=model, escalate_below=1.0)) as tools:
            (document,) = [each for each in tools.catalog.documents(["acme"]) if each.name == "deal.pdf"]
            conclude(tools, document)
            assert f"read by {model}" in tools.catalog.pages(document.id)[0].reasons


def test_the_same_scan_in_another_matter_is_neither_sent_nor_paid_again(office, server, run):
    """Not even in the same run; its row costs what the first matter paid."""
    allow("acme", "bolt")
    both = [DEAL, DEAL | {"matter": "bolt"}]
    _, found = run(both, "all", "--ask")
    assert len(server.asked()) == 1 and found["ways"][0]["pages_asked"] == 4
    _, bolt = run(both[1:], "all")
    assert bolt["ways"][0]["usd"] == found["ways"][0]["usd"] == found["asked"]["spent"] != "0"


def test_asking_keeps_to_the_matters_policy(office, server, run):
    """A matter nobody decided on sends nothing, and the reason is told."""
    code, found = run([DEAL], "all", "--ask")
    assert code == 0 and server.requests == []
    (reason,) = found["asked"]["kept_back"].values()
    assert "policy is “never”" in reason
    assert found["ways"][0]["pages_unread"] == 2


def test_a_budget_ends_the_asking(office, server, run):
    """Not one call is made that could cost more than is left; the exit code says so, the row what is still unread."""
    allow("acme")
    code, found = run([DEAL, MSA], "all", "--ask", "--budget", "0.01")
    assert (code, server.asked()) == (9, []) and "budget of this run" in found["asked"]["stopped"]
    assert found["ways"][0]["pages_unread"] == 3


def test_a_refused_page_is_paid_read_and_said(office, server, run):
    """An answer that can't be used is an answer: it costs, and it is not asked for again."""
    allow("acme")
    server.always = Fault(how="refused")
    _, found = run([MSA], "local", "all", "--ask")
    row = found["ways"][1]
    assert (row["pages_unread"], row["pages_unusable"]) == (0, 1) and Decimal(row["usd"]) > 0
    assert "refused" in next(iter(found["asked"]["failed"].values()))


def test_a_person_reads_a_table(office, run, capsys, tmp_path):
    """One row a way, what each lacks and what that would cost, and no knee that was not earned."""
    (tmp_path / "golden.jsonl").write_text(json.dumps(DEAL))
    assert main(["evaluate", "compare", str(tmp_path / "golden.jsonl"), "local", "all"]) == 0
    out = capsys.readouterr().out
    assert "1 documents, 2 pages" in out and "above local" in out and "2, 2 unread" in out
    assert "all:claude-sonnet-5-5: 2 of its 2 pages have no answer yet" in out and "costs at most 0." in out
    assert "No knee" in out


def test_exit_codes(office, run, monkeypatch):
    """2 for what is no way, 4 for a document that is not here, 3 for one not worked off under the present settings."""
    assert run([DEAL], "everything")[0] == 2
    code, found = run([DEAL, DEAL | {"document": "elsewhere.pdf"}], "local")
    assert (code, found["missing"], found["documents"]) == (4, ["elsewhere.pdf"], 1)
    monkeypatch.setenv("MUNIMENT_ESCALATE_BELOW", "0.31")
    code, found = run([DEAL], "local", "all")
    assert (code, found["unread"], found["ways"]) == (3, ["deal.pdf"], [])


def test_without_a_frontier_model_what_is_here_is_compared(office, run, monkeypatch):
    """No address is no reason not to look: unread pages have no price, and asking is a usage error."""
    monkeypatch.setenv("MUNIMENT_FRONTIER_URL", "")
    code, found = run([DEAL], "local", "all")
    assert code == 0 and found["ways"][1]["asking_costs_at_most_usd"] is None
    assert run([DEAL], "all", "--ask")[0] == 2
