"""Notices by e-mail: over TLS or not at all, taken by a real dialogue, and no header smuggled in."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from receivers import Mailbox, mail_server

from pipeline.errors import NotSent
from pipeline.settings import Settings, load_settings
from pipeline.telling import mail
from pipeline.telling.notices import Message

MESSAGE = Message("b" * 32, "held", "2 held documents", ("matter <b>acme</b>: 2: 0a1b",), "https://c.example/o", 1e9)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of localhost, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key),
            "-out", str(cert)]  # fmt: skip
    subprocess.run(made, check=True, capture_output=True)
    return cert, key


@pytest.fixture
def tls(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's side of TLS; this machine trusts the certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """A mail server without TLS."""
    with mail_server() as server:
        yield server


def settings(port: int, security: str = "none", host: str = "localhost", **more: object) -> Settings:
    to = "Ada <ada@firm.example>, bob@firm.example"
    plain = {"mail_to": to, "mail_from": "Muniment <muniment@firm.example>", "smtp_host": host, "smtp_port": port}
    return load_settings(**plain | {"smtp_security": security} | more)


def test_a_mail_has_both_forms_and_says_what_it_is(box: Mailbox) -> None:
    """Plain text and HTML in which nothing is markup; marked as sent by a program; to every addressee."""
    mail.send(settings(box.port), MESSAGE)
    [got] = box.mails
    assert got["subject"] == "Muniment: 2 held documents" and got["auto-submitted"] == "auto-generated"
    assert box.recipients == ["ada@firm.example", "bob@firm.example"]
    text, html = (got.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert "matter <b>acme</b>: 2: 0a1b" in text and "https://c.example/o" in text
    assert "matter &lt;b&gt;acme&lt;/b&gt;" in html and "<b>acme" not in html
    assert MESSAGE.id in got["message-id"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_the_password_goes_over_tls_alone(tls: ssl.SSLContext, security: str) -> None:
    """Signed in to after the connection is encrypted; nothing of the mail before."""
    with mail_server(tls, implicit=security == "tls") as box:
        mail.send(settings(box.port, security, smtp_user="muniment", smtp_password="secret"), MESSAGE)
    assert len(box.mails) == 1
    plain = [said for said in box.said if said.startswith("plain")]
    assert [said.split()[1].upper() for said in plain] == ([] if security == "tls" else ["EHLO", "STARTTLS"])
    assert any(said.startswith("tls AUTH") for said in box.said)


def test_a_server_without_starttls_gets_nothing(box: Mailbox) -> None:
    """Neither password nor mail: it could be somebody in between."""
    with pytest.raises(NotSent, match="SMTPNotSupportedError"):
        mail.send(settings(box.port, "starttls", smtp_user="muniment", smtp_password="secret"), MESSAGE)
    assert box.mails == [] and not any("AUTH" in said or "MAIL" in said for said in box.said)


def test_a_certificate_of_somebody_else_gets_nothing(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another name, or signed by nobody known."""
    for host, trusted in (("127.0.0.1", True), ("localhost", False)):
        if not trusted:
            monkeypatch.delenv("SSL_CERT_FILE")
        with mail_server(tls) as box, pytest.raises(NotSent, match="SSLCertVerificationError"):
            mail.send(settings(box.port, "starttls", host), MESSAGE)
        assert box.mails == []


def test_a_header_can_not_be_smuggled_in(box: Mailbox) -> None:
    """A line break in a title, as a hostile matter could bring one, is refused rather than obeyed."""
    hostile = Message("c" * 32, "held", "x\r\nBcc: eve@evil.example", ("a\r\n.\r\nMAIL FROM:<x>",), "", 1e9)
    with pytest.raises(NotSent):
        mail.send(settings(box.port), hostile)
    assert box.mails == [] and "eve@evil.example" not in box.recipients


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"smtp_host": ""}, "MUNIMENT_SMTP_HOST"),
        ({"mail_to": "nobody"}, "MUNIMENT_MAIL_TO"),
        ({"mail_to": "a@b.example\r\nBcc: c@d.example"}, "MUNIMENT_MAIL_TO"),
        ({"mail_from": ""}, "MUNIMENT_MAIL_FROM"),
        ({"smtp_host": "mail.firm.example"}, "MUNIMENT_SMTP_SECURITY"),
    ],
)
def test_a_setting_that_can_not_be_is_named(wrong: dict[str, object], named: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(NotSent, match=named):
        mail.send(settings(9, **wrong), MESSAGE)


def test_a_refused_addressee_and_a_server_that_is_not_there_are_said(box: Mailbox) -> None:
    """Without the address or what the server says of it."""
    box.refused = ("bob@firm.example",)
    with pytest.raises(NotSent, match="refused 1 of the addressees"):
        mail.send(settings(box.port), MESSAGE)
    with pytest.raises(NotSent, match="could not be used"):
        mail.send(settings(9), MESSAGE)


def test_a_server_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its greeting never ends; the mail is given up after its time as a whole."""
    from test_bounded import drip, server

    monkeypatch.setattr(mail, "WHOLE", 0.5)
    with server(drip(b"2" * 500, 0.02), first=False) as url, pytest.raises(NotSent):
        mail.send(settings(int(url.rsplit(":", 1)[1].strip("/"))), MESSAGE)
