"""The gate: what passes it, to where, for whom; and what it says of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from anthropic import Anthropic, APIConnectionError, APIStatusError

from pipeline.database import open_database
from pipeline.errors import NotAllowed, UsageError
from pipeline.frontier.gate import Destination, Policies, destination_of, http_client

HERE = Destination("https://gpu.firm.example:8443", "self-hosted", "the firm's own rack")
MESSAGE = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Words of the page"}]}
COUNTED = {name: MESSAGE[name] for name in ("model", "messages")}

SENDING: dict[str, Callable[[Anthropic], object]] = {
    "message": lambda sdk: sdk.messages.create(**MESSAGE),
    "count": lambda sdk: sdk.messages.count_tokens(**COUNTED),
    "file": lambda sdk: sdk.files.upload(file=("p.jpg", b"page", "image/jpeg")),
    "batch": lambda sdk: sdk.messages.batches.create(requests=[{"custom_id": "a", "params": MESSAGE}]),
}
RETURNING: dict[str, Callable[[Anthropic], object]] = {
    "files": lambda sdk: list(sdk.files.list()),
    "delete": lambda sdk: sdk.files.delete("file_1"),
    "batches": lambda sdk: list(sdk.messages.batches.list()),
    "state": lambda sdk: sdk.messages.batches.retrieve("msgbatch_1"),
    "results": lambda sdk: list(sdk.messages.batches.results("msgbatch_1")),
    "cancel": lambda sdk: sdk.messages.batches.cancel("msgbatch_1"),
}


class Wire(httpx2.BaseTransport):
    """What would go out; answers with nothing usable."""

    def __init__(self) -> None:
        self.sent: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append(request)
        return httpx2.Response(418, json={"type": "error", "error": {"type": "api_error", "message": "no"}})


@pytest.fixture
def policies(tmp_path: Path) -> Iterator[Policies]:
    database = open_database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    yield Policies(database)
    database.close()


@pytest.fixture
def wire() -> Wire:
    return Wire()


def sdk_of(policies: Policies, wire: Wire, destination: Destination = HERE) -> Anthropic:
    client = http_client("acme", destination, policies, 5.0, inner=lambda: wire)
    return Anthropic(api_key="secret-key", base_url=destination.url, http_client=client, max_retries=0)


def refused(call: Callable[[], object]) -> bool:
    """Whether the gate stopped it; any answer of the wire means that it passed."""
    try:
        call()
    except APIConnectionError as error:
        return isinstance(error.__cause__, NotAllowed)
    except APIStatusError:
        return False
    raise AssertionError("the wire answers nothing usable")


@pytest.mark.parametrize("name", SENDING)
def test_every_call_with_a_page_in_it_needs_the_matters_leave(policies, wire, name):
    """Messages, token counts, files and batches alike: with leave they pass, without it nothing goes out."""
    sdk = sdk_of(policies, wire)
    assert refused(lambda: SENDING[name](sdk)) and not wire.sent
    policies.set("acme", "self-hosted")
    assert not refused(lambda: SENDING[name](sdk)) and len(wire.sent) == 1


@pytest.mark.parametrize("name", RETURNING)
def test_what_was_sent_can_be_fetched_and_deleted_after_the_leave_is_withdrawn(policies, wire, name):
    """These requests have no body: no page can be in them."""
    assert not refused(lambda: RETURNING[name](sdk_of(policies, wire)))
    assert [len(request.content) for request in wire.sent] == [0]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/messages"), ("POST", "/v1/files/x/cancel"), ("DELETE", "/v1/models/x"), ("GET", "/v1/filesystem")],
)
def test_no_other_request_passes_without_leave(policies, wire, method, path):
    """Only the addresses that bring back or delete do."""
    client = http_client("acme", HERE, policies, 5.0, inner=lambda: wire)
    with pytest.raises(NotAllowed):
        client.request(method, f"{HERE.url}{path}")
    with pytest.raises(NotAllowed):  # a body is sending, wherever it goes
        client.request("DELETE", f"{HERE.url}/v1/files/x", content=b"page")
    assert not wire.sent


def test_the_policy_is_read_anew_for_each_request(policies, wire):
    """Withdrawn between two requests of one client, the second is stopped; granted again, the third passes."""
    sdk = sdk_of(policies, wire)
    seen = []
    for egress in ("cloud", "never", "self-hosted"):
        policies.set("acme", egress)
        seen.append(refused(lambda: SENDING["message"](sdk)))
    assert seen == [False, True, False]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example:8443/v1/messages",
        "https://gpu.firm.example.evil.example:8443/v1/messages",
        "https://gpu.firm.example/v1/messages",
        "https://gpu.firm.example:8444/v1/messages",
        "http://gpu.firm.example:8443/v1/messages",
        "https://gpu.firm.example.:8443/v1/messages",
        "https://gpu.firm.example:8443@evil.example/v1/messages",
        "https://gpu.fırm.example:8443/v1/messages",
        "https://[::1]:8443/v1/messages",
    ],
)
def test_nothing_goes_to_another_address(policies, wire, url):
    """Host, port and scheme are the configured ones, whatever the address looks like."""
    policies.set("acme", "cloud")
    client = http_client("acme", HERE, policies, 5.0, inner=lambda: wire)
    with pytest.raises(NotAllowed):
        client.post(url, content=b"page")
    assert not wire.sent


def test_the_same_address_in_capitals_is_the_same(policies, wire):
    """Names of hosts have no case."""
    policies.set("acme", "cloud")
    http_client("acme", HERE, policies, 5.0, inner=lambda: wire).post(
        "https://GPU.Firm.Example:8443/x", content=b"page"
    )
    assert len(wire.sent) == 1


def test_a_header_names_no_other_host(policies, wire):
    """The SDK takes headers from the environment; a Host among them would lead a shared front end elsewhere."""
    policies.set("acme", "cloud")
    client = http_client("acme", HERE, policies, 5.0, inner=lambda: wire)
    with pytest.raises(NotAllowed):
        client.post(f"{HERE.url}/v1/messages", content=b"page", headers={"host": "evil.example"})
    assert not wire.sent


def test_a_redirect_is_not_followed(policies):
    """Its answer comes back as it is; no second request is made."""

    class Elsewhere(Wire):
        def handle_request(self, request):
            super().handle_request(request)
            return httpx2.Response(307, headers={"location": "https://evil.example/v1/messages"})

    policies.set("acme", "cloud")
    wire = Elsewhere()
    client = http_client("acme", HERE, policies, 5.0, inner=lambda: wire)
    assert client.post(f"{HERE.url}/v1/messages", content=b"page").status_code == 307 and len(wire.sent) == 1


def test_the_log_says_where_to_and_for_whom_and_no_word_more(policies, wire, caplog):
    """Destination, kind, residency, size and matter by its key; neither the API key nor the page's words."""
    policies.set("acme", "self-hosted")
    with caplog.at_level("DEBUG", logger="pipeline"):
        refused(lambda: SENDING["message"](sdk_of(policies, wire)))
    (record,) = [record for record in caplog.records if record.name == "pipeline.frontier.gate"]
    line = record.getMessage()
    assert line.startswith("to gpu.firm.example:8443 (self-hosted, the firm's own rack): POST /v1/messages, ")
    assert "secret-key" not in caplog.text and "Words" not in caplog.text and "acme" not in line


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://API.Anthropic.com", "https://api.anthropic.com"),
        ("https://api.anthropic.com.", "https://api.anthropic.com"),
        ("https://api.anthropic.com:443/", "https://api.anthropic.com"),
        ("https://api.anthropic。com", "https://api.anthropic.com"),
    ],
    ids=["capitals", "trailing dot", "default port", "ideographic dot"],
)
def test_a_providers_address_is_cloud_however_it_is_written(url, stored):
    """Called self-hosted by a setting, it is cloud all the same."""
    assert destination_of(url, "self-hosted", "") == Destination(stored, "cloud")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_this_machine_may_be_asked_without_encryption(url):
    """By its loopback names and numbers."""
    assert destination_of(url, "cloud", "").url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://gpu.firm.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.nip.example",
        "http://127.1",
        "http://0x7f000001",
        "http://[::ffff:10.0.0.1]",
    ],
)
def test_pages_leave_for_the_cloud_encrypted_or_not_at_all(url):
    """Names that only look like this machine are other machines."""
    with pytest.raises(UsageError, match="https only"):
        destination_of(url, "cloud", "")


@pytest.mark.parametrize(
    "url",
    ["ftp://host", "https://", "https://user@host", "https://user:pw@host", "https://host?x=1", "https://host#x",
     "https://host:0", "https://host:70000", "https://ho st", "https://good\\@evil", "host:8000", "https://ｈｏｓｔ.example"],
)  # fmt: skip
def test_an_address_that_is_no_plain_one_is_refused(url):
    """No user, query or fragment, nothing a parser could read in two ways."""
    with pytest.raises(UsageError, match="MUNIMENT_FRONTIER_URL"):
        destination_of(url, "self-hosted", "")


def test_a_destination_that_drips_its_answer_is_left_in_time(policies):
    """A byte now and then holds no call longer than MUNIMENT_FRONTIER_SECONDS: the pages wait for another run."""
    from test_bounded import OK, drip, server

    policies.set("acme", "self-hosted")
    with server(drip(OK + b"content-length: 500\r\n\r\n" + b" " * 500, 0.02)) as url:
        here = destination_of(url, "self-hosted", "")
        client = http_client("acme", here, policies, 0.5)
        sdk = Anthropic(api_key="k", base_url=here.url, http_client=client, max_retries=0, timeout=0.5)
        with sdk, pytest.raises(APIConnectionError):
            sdk.messages.create(**MESSAGE)
