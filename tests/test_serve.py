"""`muniment serve`, `user` and `audit` as their users type them."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from pipeline.cli import main
from pipeline.errors import UsageError
from pipeline.web.serve import Serving, listening

PASSWORD = "a horse of another colour"
ENDED_SECONDS = 2.0


@contextmanager
def serving(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command in a process of its own, and the lines that it said until it was ready."""
    command = [sys.executable, "-m", "pipeline", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            said = [process.stdout.readline()]
            if "Muniment is at" in said[0] and "--tls-cert" not in options and not _accounts():
                said += [process.stdout.readline() for _ in range(2)]
            yield process, said
        finally:
            if process.poll() is None:
                process.kill()


def _accounts() -> bool:
    from pipeline.settings import load_settings
    from pipeline.wiring import open_tools

    with open_tools(load_settings()) as tools:
        return tools.accounts.any()


def owners(home: Path) -> list[str]:
    """Processes that hold the index of this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_text()
            except OSError:
                continue
            if str(home) in line and "pipeline.backends.owner" in line:
                found.append(line.replace("\0", " "))
    return found


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """A command in this process: its exit code and all that it printed."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def add(capsys, monkeypatch, name: str, *options: str, password: str = PASSWORD) -> tuple[int, str]:
    """`muniment user add`, the password on stdin."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return run(capsys, "user", "add", name, "--password-stdin", *options)


def test_from_the_first_start_to_the_end(home):
    """The printed link makes the first account, which searches; Ctrl-C ends all of it within two seconds."""
    with serving() as (process, said):
        url, link = re.search(r"http://127\.0\.0\.1:\d+", said[0])[0], said[2].strip()
        assert link.startswith(f"{url}/setup?key=")
        with httpx.Client(base_url=url, timeout=300) as tab:
            assert tab.get("/").headers["location"] == "/sign-in?next=%2F"
            form = {"key": link.rpartition("=")[2], "name": "Ada", "password": PASSWORD, "again": PASSWORD}
            assert tab.post("/setup", data=form, headers={"origin": url}).status_code == 303
            answer = tab.get("/api/search", params={"q": "termination"})
            assert answer.status_code == 200, answer.text
            assert tab.get(link).status_code == 404
            assert tab.get("/sign-in", headers={"host": "evil.example"}).status_code == 421
        assert len(owners(home)) == 1  # the search has started the index's owner
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        while owners(home) and time.monotonic() < begun + 60:
            time.sleep(0.02)
        share = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # on a machine that is busy with other things
        assert time.monotonic() - begun < ENDED_SECONDS * share


def test_it_ends_by_sigterm_too(home, capsys, monkeypatch):
    """As a service manager does it, right at the start."""
    add(capsys, monkeypatch, "Ada", "--admin")
    with serving() as (process, said):
        assert len(said) == 1
        process.terminate()
        assert process.wait(60) == 0


def test_a_taken_port_is_said(home, capsys):
    """With the port and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = run(capsys, "serve", "--port", port)
    assert code == 2
    assert f"port {port}" in said
    assert "--port" in said


def test_an_answer_is_sent_at_once(home):
    """A connection does not wait for the other side's acknowledgement (40 ms) between a page's headers and its body."""
    with listening(Serving(port=0)) as listener, socket.create_connection(listener.getsockname()[:2]):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"host": "0.0.0.0"}, "in the clear"),
        ({"host": "::"}, "in the clear"),
        ({"host": "192.168.1.7", "names": ("a.example",)}, "in the clear"),
        ({"host": "contracts.example"}, "in the clear"),
        ({"host": "0.0.0.0", "proxy": "10.0.0.1"}, "--name"),
        ({"proxy": "10.0.0.1"}, "--name"),
        ({"proxy": "*", "names": ("a.example",)}, "IP address"),
        ({"proxy": "proxy.example", "names": ("a.example",)}, "IP address"),
        ({"cert": Path("c.pem")}, "both"),
        ({"key": Path("k.pem")}, "both"),
        ({"host": "0.0.0.0", "cert": Path("c.pem"), "key": Path("k.pem")}, "--name"),
    ],
)
def test_what_would_be_said_in_the_clear_is_not_served(options, why):
    """Elsewhere than on this machine only with TLS or a stated proxy, and under a stated name."""
    with pytest.raises(UsageError, match=why):
        Serving(**options).check()


@pytest.mark.parametrize(
    ("options", "url", "hosts"),
    [
        ({}, "http://127.0.0.1:9", {"localhost", "127.0.0.1", "::1"}),
        ({"host": "::1"}, "http://[::1]:9", {"localhost", "127.0.0.1", "::1"}),
        (
            {"host": "0.0.0.0", "proxy": "10.0.0.1", "names": ("A.example",)},
            "https://A.example",
            {"localhost", "127.0.0.1", "::1", "0.0.0.0", "a.example"},
        ),
    ],
)
def test_what_may_be_served_is(options, url, hosts):
    """And is asked for by its name."""
    served = Serving(**options)
    served.check()
    assert served.url(9) == url
    assert served.hosts() == hosts


def test_others_reach_it_only_when_there_is_an_account(home, capsys):
    """The setup link is for this machine alone."""
    code, said = run(capsys, "serve", "--port", "0", "--behind-proxy", "10.0.0.1", "--name", "a.example")
    assert code == 2
    assert "user add NAME --admin" in said


def test_only_the_named_proxy_is_believed(home, capsys, monkeypatch):
    """X-Forwarded-Proto of any other peer is nothing: it gets no answer over plain HTTP."""
    add(capsys, monkeypatch, "Ada", "--admin")
    forwarded = {"host": "a.example", "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    for proxy, status in (("127.0.0.1", 200), ("10.0.0.1", 403)):
        with serving("--behind-proxy", proxy, "--name", "a.example") as (process, said):
            assert "https://a.example" in said[0]
            port = _port_of(process.pid)
            answer = httpx.get(f"http://127.0.0.1:{port}/sign-in", headers=forwarded, timeout=60)
            assert answer.status_code == status
            plain = httpx.get(f"http://127.0.0.1:{port}/sign-in", headers={"host": "a.example"}, timeout=60)
            assert plain.status_code == 403
            if status == 200:
                form = {"name": "Ada", "password": "not the password"}
                httpx.post(f"http://127.0.0.1:{port}/sign-in", headers=forwarded, data=form, timeout=60)
    said = run(capsys, "audit", "list", "--what", "sign-in-refused")[1]
    assert "address=203.0.113.9" in said


def _port_of(pid: int) -> int:
    """The port the process listens on; behind a proxy it does not print it."""
    inodes = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # the server goes on opening and closing files meanwhile
            inodes.add(str(each.readlink()))
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            return int(fields[1].partition(":")[2], 16)
    raise AssertionError("the server listens nowhere")


def test_tls_is_spoken(home, capsys, monkeypatch, tmp_path):
    """With a certificate; one that can't be read is said so."""
    add(capsys, monkeypatch, "Ada", "--admin")
    cert, key = _certificate(tmp_path)
    options = ("--tls-cert", str(cert), "--tls-key", str(key))
    with serving(*options, "--name", "localhost") as (_, said):
        url = re.search(r"https://localhost:\d+", said[0])[0]
        answer = httpx.get(f"{url}/sign-in", verify=ssl.create_default_context(cafile=cert), timeout=60)
        assert answer.status_code == 200
        assert "max-age" in answer.headers["strict-transport-security"]
    key.write_text("nonsense")
    code, said = run(capsys, "serve", "--port", "0", *options)
    assert code == 2
    assert "certificate or its key can't be used" in said


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of our own for localhost."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


def test_accounts_on_the_command_line(home, capsys, monkeypatch):
    """Added, granted, denied, withdrawn, disabled; the first admin sees every matter, and the log says who did it."""
    assert add(capsys, monkeypatch, "Ada", "--admin") == (0, "Ada is added and sees every matter\n")
    assert add(capsys, monkeypatch, "Ben")[0] == 0
    assert add(capsys, monkeypatch, "ben")[0] == 2
    assert add(capsys, monkeypatch, "Cleo", password="short")[0] == 2
    run(capsys, "user", "grant", "Ben", "alder", "dune")
    run(capsys, "user", "deny", "Ben", "dune")
    assert "may see alder; denied: dune" in run(capsys, "user", "grant", "Ben", "alder")[1]
    assert "nothing; denied: dune" in run(capsys, "user", "withdraw", "Ben", "alder")[1]
    assert run(capsys, "user", "withdraw", "Ben", "alder")[0] == 4
    assert run(capsys, "user", "disable", "Ada")[0] == 2
    assert run(capsys, "user", "disable", "Ben")[0] == 0
    users = json.loads(run(capsys, "user", "list", "--json")[1])["users"]
    assert [(user["name"], user["admin"], user["disabled"]) for user in users] == [
        ("Ada", True, False),
        ("Ben", False, True),
    ]
    assert run(capsys, "user", "enable", "Ben")[0] == 0
    rows = json.loads(run(capsys, "audit", "list", "--matter", "dune", "--json")[1])["rows"]
    assert [row["detail"]["done"] for row in rows] == ["denied", "allowed"]
    assert all(row["who"].endswith("(command line)") for row in rows)


def test_tokens_on_the_command_line(home, capsys, monkeypatch):
    """Printed once; listed without the secret; revoked."""
    add(capsys, monkeypatch, "Ada", "--admin")
    secret = run(capsys, "user", "token", "Ada", "--label", "nightly", "--days", "3")[1].strip()
    assert re.fullmatch(r"muniment_[\w-]{43}", secret)
    listed = run(capsys, "user", "tokens", "Ada")[1]
    assert "nightly" in listed
    assert secret not in listed
    assert run(capsys, "user", "revoke", "Ada", "1")[0] == 0
    assert run(capsys, "user", "revoke", "Ada", "1")[0] == 4
    assert run(capsys, "user", "token", "nobody", "--label", "x")[0] == 4


def test_the_log_is_verified_on_the_command_line(home, capsys, monkeypatch):
    """Whole, then edited, with the exit code a script needs; the head is printed to be noted."""
    add(capsys, monkeypatch, "Ada", "--admin")
    code, said = run(capsys, "audit", "verify")
    head = re.search(r"head ([0-9a-f]{64})", said)[1]
    assert (code, said.splitlines()[0]) == (0, "2 rows, each follows from the one before")
    assert run(capsys, "audit", "verify", "--head", head)[0] == 0
    assert run(capsys, "audit", "verify", "--head", "0" * 64)[0] == 1
    with closing(sqlite3.connect(home / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE audit SET who = 'nobody' WHERE id = 1")
    code, said = run(capsys, "audit", "verify")
    assert code == 1
    assert said.startswith("row 1 was changed")


def test_a_password_is_no_argument(home, capsys, monkeypatch):
    """Other users of the machine can read those; without a terminal it comes on stdin, when that is said."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    code, said = run(capsys, "user", "add", "Ada")
    assert code == 2
    assert "--password-stdin" in said
