# ruff: noqa: F401, F811  fixtures are imported, and named by the tests that use them
"""Batches: whatever they bring, or a kill or a change of mind takes from them, no page is lost and no file stays."""

import json
import threading
import time
from dataclasses import replace
from decimal import Decimal

import frontier_server
import pytest
from sqlalchemy import delete, select, update
from test_frontier import ACME, FLEET, archive, document_of, office, server, statuses

from pipeline.errors import MunimentError
from pipeline.frontier import batches, submit
from pipeline.frontier.batches import KEPT, collect, sweep
from pipeline.frontier.escalate import escalate
from pipeline.frontier.readings import by_model, remembered
from pipeline.frontier.work import EscalationReport, Options
from pipeline.keeping.deletion import delete_documents
from pipeline.tables import batches as batch_table
from pipeline.tables import calls
from pipeline.tables import results as stage_results
from pipeline.types import PageStatus

SENDS = ("/v1/messages", "/v1/messages/count_tokens", "/v1/messages/batches", "/v1/files")


@pytest.fixture
def desk(server, archive, home, request):
    """The home with the server, both matters free to leave; documents are concluded only where a test says so."""
    with office(server, archive, home) as tools:
        tools.policies.set("acme", "self-hosted")
        tools.policies.set("fleet", "self-hosted")
        yield tools


@pytest.fixture
def rows_only(monkeypatch):
    """Books and files are looked at, not documents: these need not walk the road again."""
    monkeypatch.setattr(batches, "conclude_answered", lambda *_: None)


def report_of(tools) -> EscalationReport:
    return EscalationReport(tools.catalog.start_run("escalate"))


def results_are(monkeypatch, result) -> None:
    """What the server says of each request of a batch."""
    monkeypatch.setattr(frontier_server._Handler, "_result", lambda self, body: result)


def errored(kind: str, message: str = "no") -> dict:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}
    return {"type": "errored", "error": error}


def states(tools) -> set[str]:
    with tools.catalog.database.read() as connection:
        return set(connection.execute(select(calls.c.state)).scalars())


def sent(server) -> int:
    return sum(len(server.asked(path)) for path in SENDS)


def test_a_request_that_will_always_fail_is_held_with_its_reason(desk, server, monkeypatch):
    """An errored request that is its own fault is not asked again night after night: a person sees why."""
    results_are(monkeypatch, errored("invalid_request_error", "image exceeds the limit"))
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    assert collect(desk, desk.frontier, report) == []
    (page,) = desk.catalog.pages(document_of(desk, "acme"))
    assert page.status is PageStatus.HELD and "refused the request (400 invalid_request_error)" in page.reasons[-1]
    before = sent(server)
    assert submit.submit(desk, desk.frontier, ACME, report_of(desk)) == [] and sent(server) == before


@pytest.mark.parametrize(
    "result",
    [
        errored("overloaded_error"),
        errored("api_error"),
        errored("invalid_request_error", "Your credit balance is too low"),
        {"type": "canceled"},
        {"type": "expired"},
    ],
    ids=["overloaded", "server error", "no credit", "canceled", "expired"],
)
def test_what_is_not_the_requests_fault_is_asked_again(desk, server, rows_only, monkeypatch, result):
    """It costs nothing, the page goes on waiting, and the next batch asks about it."""
    results_are(monkeypatch, result)
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    collect(desk, desk.frontier, report)
    assert len(report.deferred) == 1 and report.spent == 0 and desk.ledger.spent(report.run) == 0
    assert server.files == {} and states(desk) == {"failed"}
    assert len(submit.submit(desk, desk.frontier, ACME, report_of(desk))) == 1


def test_a_batch_is_split_where_its_limits_end(desk, server, rows_only, monkeypatch):
    """By requests, and by bytes: four pages in two requests become two batches either way, and all come back."""
    for name in ("MOST_REQUESTS", "MOST_BYTES"):
        monkeypatch.setattr(submit, name, 1)
        report = report_of(desk)
        assert len(submit.submit(desk, desk.frontier, FLEET, report)) == 2
        monkeypatch.undo()
        monkeypatch.setattr(batches, "conclude_answered", lambda *_: None)
        collect(desk, desk.frontier, report)
        assert report.answered == 4 and server.files == {}
        with desk.catalog.database.write() as connection:
            connection.execute(delete(stage_results).where(stage_results.c.stage == "frontier"))


def test_results_are_matched_by_custom_id_alone(desk, server, rows_only, monkeypatch):
    """Lines of another home, of another batch or of no call of ours change nothing."""
    submit.submit(desk, desk.frontier, FLEET, report := report_of(desk))
    (requests,) = server.batches.values()
    name = requests[0]["custom_id"].rpartition("-")[0]
    strange = ["muniment-00000000-1-1", f"{name}-999999", f"{name}-1x", name, "else"]
    requests += [{"custom_id": id, "params": requests[0]["params"]} for id in strange]
    collect(desk, desk.frontier, report)
    assert report.answered == 4 and states(desk) == {"settled"}


@pytest.fixture
def cancelled(server, monkeypatch):
    """Batches stay under way until they are cancelled; the addresses of those that were."""
    cancelled = []
    post = frontier_server._Handler.do_POST

    def do_post(handler):
        if handler.path.endswith("/cancel"):
            cancelled.append(handler.path)
            server.working = False
            handler._send(200, handler._batch(handler.path.split("/")[-2]))
        else:
            post(handler)

    monkeypatch.setattr(frontier_server._Handler, "do_POST", do_post)
    server.working = True
    return cancelled


def test_a_deleted_document_cancels_its_batch(desk, server, cancelled):
    """The files at the destination are deleted, what it had answered of the document is not kept, and the books are
    closed; who deletes it is told that a batch is under way."""
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    id = document_of(desk, "acme")
    content = desk.catalog.content(id)
    done = delete_documents(desk, {id: "the client asked"}, "ada")
    assert "batch" in " ".join(done.left) and server.files
    assert len(collect(desk, desk.frontier, report)) == 1 and len(cancelled) == 1
    assert "deleted" in report.notes[0]
    assert collect(desk, desk.frontier, report) == [] and server.files == {} and "open" not in states(desk)
    assert by_model(desk.catalog, content) == {}


def test_a_withdrawn_leave_cancels_the_batch_and_sends_nothing_more(desk, server, rows_only, cancelled):
    """What was answered before comes home, the files are deleted, and not one request with a page in it is made."""
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    before = sent(server)
    desk.policies.set("acme", "never")
    desk.policies.set("fleet", "never")
    assert len(collect(desk, desk.frontier, report)) == 1 and len(cancelled) == 1
    assert "withdrawn" in report.notes[0]
    assert collect(desk, desk.frontier, report) == [] and report.answered == 1
    assert sent(server) == before and server.files == {}


def test_two_homes_on_one_account_leave_each_other_alone(desk, server, archive, home, rows_only):
    """Neither deletes the other's files, nor takes the other's batch for one of its own whose id a kill took."""
    submit.submit(desk, desk.frontier, ACME, report_of(desk))
    files = set(server.files)
    with office(server, archive, home.with_name("other")) as other:
        other.policies.set("acme", "self-hosted")
        sweep(other, other.frontier, report_of(other))
        lost = other.batches.prepare("acme", other.frontier.setup.destination.host)
        other.batches.note(lost.id, state="sending")
        assert collect(other, other.frontier, report := report_of(other)) == [] and report.answered == 0
    assert set(server.files) == files and desk.batches.home != other.batches.home


def test_files_of_an_upload_that_was_killed_are_deleted_at_the_next_start(desk, server, rows_only, monkeypatch):
    """Uploaded, and the process gone before it could write that down: known by their name."""
    monkeypatch.setattr(submit._Sending, "send", lambda self: [])  # killed between the upload and the note
    submit.submit(desk, desk.frontier, FLEET, report := report_of(desk))
    assert len(server.files) == 4
    assert collect(desk, desk.frontier, report) == []
    sweep(desk, desk.frontier, report)
    assert server.files == {} and "4 files" in report.notes[0] and desk.ledger.spent(report.run) == 0
    assert desk.batches.asked(document_of(desk, "fleet")) == set()


def test_a_batch_under_way_may_be_the_one_whose_id_was_lost(desk, server, rows_only):
    """Until it has ended nobody knows: its pages are not asked about meanwhile, and its answers are taken then."""
    (batch,) = submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    desk.batches.note(batch.id, remote="", state="sending")
    server.working = True
    assert len(collect(desk, desk.frontier, report)) == 1
    assert submit.submit(desk, desk.frontier, ACME, report) == []
    server.working = False
    assert collect(desk, desk.frontier, report) == [] and report.answered == 1 and server.files == {}


def test_answers_are_taken_at_the_price_and_under_the_name_of_the_model_that_was_asked(desk, server, rows_only):
    """The setting was changed while the batch was under way."""
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    dear = replace(desk.frontier.setup.model, id="claude-opus-5-5", input=Decimal(400), output=Decimal(2000))
    desk.frontier.setup = replace(desk.frontier.setup, model=dear)
    collect(desk, desk.frontier, report)
    assert Decimal(0) < report.spent < Decimal("0.05")
    sha256 = desk.catalog.documents(["acme"])[0].sha256
    assert [reading.model for reading in remembered(desk.catalog, sha256).values()] == ["claude-sonnet-5-5"]


def test_a_destination_without_files_gets_its_images_in_the_request(desk, server, rows_only):
    """As base64; nothing is uploaded."""
    profile = replace(desk.frontier.setup.profile, files=False)
    desk.frontier.setup = replace(desk.frontier.setup, profile=profile)
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    assert server.files == {} and server.asked("/v1/files") == []
    collect(desk, desk.frontier, report)
    assert report.answered == 1


def test_a_batch_of_another_destination_waits_until_it_can_be_asked_again(desk, server, rows_only):
    """No other server is asked about it, its pages are not sent twice, and the report says what to do."""
    (batch,) = submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    with desk.catalog.database.write() as connection:
        connection.execute(update(batch_table).values(destination="api.example"))
    assert [one.id for one in collect(desk, desk.frontier, report)] == [batch.id]
    assert "waits at api.example" in report.notes[0] and report.answered == 0
    assert submit.submit(desk, desk.frontier, ACME, report) == []


@pytest.mark.parametrize(("days", "left"), [(1, 1), (30, 0)])
def test_a_batch_the_destination_does_not_know(desk, server, rows_only, days, left):
    """It is not taken for lost while its results may be there under another key; after that it counts as paid."""
    submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    server.batches.clear()
    server.created.clear()
    with desk.catalog.database.write() as connection:
        connection.execute(update(batch_table).values(created=time.time() - days * 86400, remote="msgbatch_gone"))
    assert KEPT < 30 * 86400
    if left:  # the server must answer 404, which a KeyError of the old one would not be
        pytest.importorskip("frontier_shapes")
    assert len(collect(desk, desk.frontier, report)) == left
    assert states(desk) == ({"open"} if left else {"lost"}) and report.lost_calls == 1 - left


def test_a_run_that_waits_takes_the_answers_home_itself(desk, server):
    """It looks again and again until the batch has ended, concludes the document, and pays half."""
    server.working = True
    threading.Timer(0.5, lambda: setattr(server, "working", False)).start()
    report = escalate(desk, desk.frontier, replace(ACME, wait=60, poll=0.1), batch=True)
    assert (report.answered, report.under_way, report.reserved) == (1, 0, 0) and report.spent > 0
    assert statuses(desk, document_of(desk, "acme")) == [PageStatus.EXTRACTED]


def test_a_run_does_not_wait_longer_than_it_may(desk, server, rows_only):
    """The batch stays under way, its pages say so, and the run's report has what it reserved."""
    server.working = True
    report = escalate(desk, desk.frontier, replace(ACME, wait=0.3, poll=0.1), batch=True)
    assert (report.answered, report.under_way) == (0, 1) and report.reserved > 0
    assert report.waiting == {"a batch under way asks about it": 1}


def test_a_budget_ends_a_batch_in_the_middle_and_what_fits_is_sent(desk, server, rows_only):
    """Four pages in two requests, money for one: one is sent, the run says why, the rest waits."""
    client = desk.frontier
    client.setup = replace(client.setup, budget=replace(client.setup.budget, run=Decimal("0.12")))
    report = escalate(desk, client, FLEET, batch=True)
    assert "budget of this run" in report.stopped and report.reserved <= Decimal("0.12")
    (requests,) = server.batches.values()
    assert len(requests) == 1 and desk.catalog.runs(1)[0].status == "budget-stopped"
    assert report.waiting["a batch under way asks about it"] == 3


def test_the_spent_budget_of_a_matter_leaves_the_batches_of_others(desk, server, rows_only):
    """Acme's money is gone; fleet's pages are sent all the same, and the run is called budget-stopped."""
    bound = Decimal("0.2")
    desk.frontier.setup = replace(desk.frontier.setup, budget=replace(desk.frontier.setup.budget, matter=bound))
    paid = replace(
        submit._Sending(desk, desk.frontier, "acme", report_of(desk), None)._planned(_asked(desk), 9), batch=""
    )
    desk.ledger.settle(desk.ledger.reserve(paid, replace(desk.frontier.setup.budget, matter=None)), bound, {})
    report = escalate(desk, desk.frontier, Options(), batch=True)
    assert "budget of this matter" in report.stopped and report.under_way == 1
    (requests,) = server.batches.values()
    assert json.dumps(requests).count("muniment-") == len(requests) == 2


def _asked(tools):
    from pipeline.frontier.work import leaving

    return next(leaving(tools, tools.frontier.setup, ACME, report_of(tools)))[1][0]


def test_a_refused_batch_is_given_up_without_a_search(desk, server, rows_only):
    """Turned away at the door, it was certainly not taken: its calls are closed and its files deleted."""
    server.faults = [frontier_server.Fault(400, {}, "invalid_request_error", "no")]
    with pytest.raises(MunimentError):
        submit.submit(desk, desk.frontier, ACME, report := report_of(desk))
    assert desk.batches.unsettled()[0].state == "preparing"
    assert collect(desk, desk.frontier, report) == [] and server.files == {} and states(desk) == {"failed"}
