"""The log on stderr, as text or as JSON lines: what happened, to which ids; never a word, a file name or a key.

Our own modules say what they say by ids and counts. What libraries say can't be known: an HTTP client at DEBUG writes
whole requests, a PDF library quotes the file, an exception quotes the text it stumbled over. So of a foreign line only
its place is kept, and of an exception its kind and places, not what it says.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["event", "set_up"]

OURS = ("pipeline", "flows")
FIELDS = "muniment"  # attribute of a record
SHORTEST_SECRET = 6  # characters: a shorter one would also be hidden in the middle of words
PLACES = 12  # of an exception, innermost last


def set_up(settings: Settings) -> None:
    """Have everything this process logs go to stderr in this form. Called again, it begins anew."""
    handler = _Stderr()
    handler.setFormatter(_Form(settings.log == "json", _secrets(settings)))
    root = logging.getLogger()
    for other in [each for each in root.handlers if _writes_to_terminal(each)]:
        root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(settings.log_level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _unexpected
    threading.excepthook = _unexpected_in_thread


def event(log: logging.Logger, text: str, **fields: object) -> None:
    """Something happened, at INFO: `fields` are ids, counts and words of fixed sets."""
    log.info("%s", text, extra={FIELDS: fields})


class _Stderr(logging.Handler):
    """Writes to what stderr is at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line."""
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:  # a log that can't be written ends nothing, and its line can't be told either
            return


def _writes_to_terminal(handler: logging.Handler) -> bool:
    terminals = (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
    return isinstance(handler, _Stderr) or getattr(handler, "stream", None) in terminals


class _Form(logging.Formatter):
    def __init__(self, as_json: bool, secrets: Iterable[str]) -> None:
        super().__init__()
        self._as_json, self._secrets = as_json, tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        fields: dict[str, Any] = getattr(record, FIELDS, {})
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said = {"time": time, "level": record.levelname.lower(), "logger": record.name, "event": _said(record)}
        if record.exc_info and record.exc_info[1]:
            said["error"] = _where(record.exc_info[1])
        if self._as_json:
            return self._hidden(json.dumps(said | fields, default=str))
        rest = " ".join(f"{name}={value}" for name, value in fields.items())
        parts = (said["time"], said["level"], said["event"], rest, said.get("error", ""))
        return self._hidden(" ".join(" ".join(filter(None, parts)).split()))

    def _hidden(self, line: str) -> str:
        """Keys are never logged on purpose; this is for the day on which one is by accident."""
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return line


def _said(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] in OURS:
        return record.getMessage()
    return f"{record.name} said something at {record.module}:{record.lineno}, kept back"


def _where(error: BaseException) -> str:
    """The kinds of an exception and of what led to it, each with where it came from."""
    parts, seen = [], set[int]()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        frames = traceback.extract_tb(one.__traceback__)[-PLACES:]
        parts.append(f"{type(one).__name__} at " + " > ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames))
        one = one.__cause__ or one.__context__
    return "; after ".join(parts)


def _unexpected(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """An error that nothing caught ends the process: where it came from, without its text."""
    if isinstance(error, KeyboardInterrupt):
        return
    logging.getLogger("pipeline").critical("unexpected, this is a fault of the program: %s", _where(error))


def _unexpected_in_thread(found: threading.ExceptHookArgs) -> None:
    if found.exc_value is not None:
        _unexpected(found.exc_type, found.exc_value, found.exc_traceback)


def _secrets(settings: Settings) -> list[str]:
    from pydantic import SecretStr

    values = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    values += [urlsplit(url).password or "" for url in (settings.database_url, settings.qdrant_url)]
    return [value for value in values if len(value) >= SHORTEST_SECRET]
