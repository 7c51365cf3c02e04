"""The webhook: signed, bounded, led nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator

import pytest
from receivers import Posts, post_server
from test_bounded import OK, drip, server

from pipeline.errors import NotSent, UsageError
from pipeline.settings import Settings, load_settings
from pipeline.telling.notices import Message
from pipeline.telling.webhook import check, send

MESSAGE = Message("a" * 32, "night", "no nightly run for 27 hours", ("the last one ended at …",), "https://x/y", 1e9)


@pytest.fixture
def posts() -> Iterator[Posts]:
    with post_server() as server:
        yield server


def settings(url: str, **more: object) -> Settings:
    return load_settings(webhook_url=url, webhook_secret="s3cret", **more)


def test_a_post_is_signed_with_its_moment(posts: Posts) -> None:
    """Who has the secret can check body and time; the body says it all, also as one text."""
    send(settings(posts.url), MESSAGE)
    [(headers, body)] = posts.got
    at, mac = (part.partition("=")[2] for part in headers["muniment-signature"].split(","))
    assert abs(int(at) - time.time()) < 60
    assert mac == hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert (told["title"], told["at"], headers["muniment-delivery"]) == (MESSAGE.title, 10**9, MESSAGE.id)
    assert "the last one ended" in told["text"] and told["link"] in told["text"]
    assert "s3cret" not in str(posts.got)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500])
def test_only_yes_is_yes(posts: Posts, status: int) -> None:
    """Anything but 2xx is an error that names the status; a redirect is not followed."""
    posts.statuses, posts.location = [status], posts.url
    with pytest.raises(NotSent, match=str(status)):
        send(settings(posts.url), MESSAGE)
    assert len(posts.got) == 1


def test_a_server_that_hangs_drips_or_is_not_there_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole post takes no longer than its setting; no proxy of the environment is asked."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    for answer in (lambda _: time.sleep(3), drip(OK, 0.05)):
        with server(answer) as url:
            began = time.monotonic()
            with pytest.raises(NotSent, match="did not answer"):
                send(settings(url, webhook_seconds=0.5), MESSAGE)
            assert time.monotonic() - began < 2
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(NotSent, match="ConnectError"):
        send(settings(nobody), MESSAGE)


def test_no_proxy_of_the_environment_is_asked(posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is set and not there would fail the post."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    send(settings(posts.url), MESSAGE)
    assert len(posts.got) == 1


@pytest.mark.parametrize(
    "url", ["ftp://host/", "file:///etc/passwd", "https://", "https://user:pw@host/", "host/path", "https://host:0/",
            "https://h/\r\nx: y", "https://h/#part", "javascript:alert(1)"],
)  # fmt: skip
def test_an_address_is_plain_http(url: str) -> None:
    """Nothing else is posted to; the error names the setting, not the address."""
    with pytest.raises(UsageError, match="MUNIMENT_WEBHOOK_URL"):
        check(url)
    with pytest.raises(NotSent, match="MUNIMENT_WEBHOOK_URL"):
        send(settings(url), MESSAGE)
