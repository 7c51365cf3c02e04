"""Notices as e-mail, plain text and HTML, through the firm's mail server: over TLS, or on this machine.

A header can't be smuggled in by a title: control characters are blanks before (`report.clip`), and the library refuses
a header of two lines. The certificate is checked; a server that offers no STARTTLS gets nothing.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from typing import TYPE_CHECKING, Any

from pipeline.errors import NotSent, UsageError
from pipeline.loopback import is_loopback
from pipeline.report import plain

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.telling.notices import Message

__all__ = ["check", "compose", "send"]

SECONDS = 15.0  # of one step
WHOLE = 60.0  # of all: a server that sends a byte now and then ends no step

HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ m.title }}</title></head>
<body style="font: 16px/1.45 system-ui, sans-serif; max-width: 42em; margin: 1.5em; color: #1d2433">
<h1 style="font-size: 1.2em">{{ m.title }}</h1>
<ul>{% for line in m.lines %}<li>{{ line }}</li>{% endfor %}</ul>
{% if m.link %}<p><a href="{{ m.link }}">{{ m.link }}</a></p>{% endif %}
<p style="color: #667">Muniment on {{ m.host }}, {{ at }}</p>
</body></html>
"""


def send(settings: Settings, message: Message) -> None:
    """Hand it to the mail server for all addressees; `NotSent` says why it was not taken by all of them."""
    try:
        check(settings)
        mail = compose(settings, message)
        with _server(settings) as server:
            refused = server.send_message(mail)
    except UsageError as error:
        raise NotSent(str(error)) from None
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"the mail server refused it ({error.smtp_code})") from None
    except (OSError, smtplib.SMTPException, MessageError, ValueError) as error:
        raise NotSent(f"the mail server could not be used ({type(error).__name__})") from None
    if refused:
        raise NotSent(f"the mail server refused {len(refused)} of the addressees")


def compose(settings: Settings, message: Message) -> EmailMessage:
    """The mail; its id is the notice's, so that a second try is known for what it is."""
    from jinja2 import Environment

    at = datetime.fromtimestamp(message.at, UTC)
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = f"Muniment: {message.title}"
    mail["From"] = _addresses(settings.mail_from)[0]
    mail["To"] = _addresses(settings.mail_to)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message.id}@muniment.invalid>"
    mail["Auto-Submitted"] = "auto-generated"
    shown = [message.title, "", *(f"- {line}" for line in message.lines), ""]
    mail.set_content("\n".join([*shown, *filter(None, [message.link]), f"Muniment on {message.host}"]))
    html = Environment(autoescape=True).from_string(HTML).render(m=message, at=f"{at:%Y-%m-%d %H:%M} UTC")
    mail.add_alternative(html, subtype="html")
    return mail


def check(settings: Settings) -> None:
    """`UsageError` names the setting that keeps a mail from being sent."""
    if not settings.smtp_host:
        raise UsageError("MUNIMENT_SMTP_HOST: a mail server is wanted")
    if not _addresses(settings.mail_to):
        raise UsageError("MUNIMENT_MAIL_TO: addresses are wanted, separated by commas")
    if len(_addresses(settings.mail_from)) != 1:
        raise UsageError("MUNIMENT_MAIL_FROM: one address is wanted")
    if settings.smtp_security == "none" and not is_loopback(settings.smtp_host):
        raise UsageError("MUNIMENT_SMTP_SECURITY=none: only for a mail server on this machine")


def _addresses(text: str) -> list[Address]:
    """The addresses in a setting; none at all when one of them can't be one."""
    if plain(text) != text.strip():
        return []
    found = [(name, address) for name, address in getaddresses([text]) if name or address]
    try:
        made = [Address(name, addr_spec=address) for name, address in found]
    except (MessageError, ValueError, IndexError):
        return []
    return made if all(one.domain for one in made) else []


class _Ending(smtplib.SMTP):
    """A connection that is cut when it takes too long as a whole."""

    def connect(self, *where: Any, **how: Any) -> tuple[int, bytes]:
        self._end = threading.Timer(WHOLE, self._cut)
        self._end.daemon = True
        self._end.start()
        return super().connect(*where, **how)

    def close(self) -> None:
        super().close()
        self._end.cancel()

    def _cut(self) -> None:
        """Wake whoever waits for the server."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _EndingTls(_Ending, smtplib.SMTP_SSL):
    """The same, over TLS from the first byte."""


@contextmanager
def _server(settings: Settings) -> Iterator[smtplib.SMTP]:
    """The mail server, over TLS where it is not this machine's own, signed in to."""
    secure = ssl.create_default_context()
    where = (settings.smtp_host, settings.smtp_port, socket.gethostname())
    server: smtplib.SMTP
    if settings.smtp_security == "tls":
        server = _EndingTls(*where, timeout=SECONDS, context=secure)
    else:
        server = _Ending(*where, timeout=SECONDS)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=secure)
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        yield server
        with suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        server.close()
