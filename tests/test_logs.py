"""The log: ids and counts, in text or JSON; nothing of a document, whoever says it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.settings import load_settings
from pipeline.telling.logs import event, set_up

WORDS = "the kangaroo mural in the lobby"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_json_lines_carry_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line is one object with time, level and what happened to which ids."""
    set_up(load_settings(log="json", log_level="info"))
    event(logging.getLogger("pipeline.run"), "a document was walked", document="0a1b", status="held")
    [line] = said(capsys).splitlines()
    found = json.loads(line)
    assert found["event"] == "a document was walked" and found["document"] == "0a1b" and found["level"] == "info"
    assert found["time"].endswith("+00:00")


def test_text_is_one_line_and_below_the_level_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """What is said on two lines is joined; INFO is not there by default."""
    set_up(load_settings())
    log = logging.getLogger("pipeline.run")
    event(log, "unheard")
    log.warning("one\ntwo")
    [line] = said(capsys).splitlines()
    assert "warning one two" in line and "unheard" not in line


LIBRARIES = """
import logging, sys, warnings
from pipeline.settings import load_settings
from pipeline.telling.logs import set_up
set_up(load_settings(log_level="debug"))
logging.getLogger().setLevel(logging.DEBUG)
for name in ("httpx", "anthropic", "fontTools", "PIL", "sqlalchemy.engine", "pymupdf"):
    logging.getLogger(name).debug("request body: %s", sys.argv[1])
warnings.warn(sys.argv[1], stacklevel=1)
try:
    raise ValueError(sys.argv[1])
except ValueError:
    logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
"""


def test_what_a_library_says_is_kept_back() -> None:
    """Only its place is told, however it says it: formatted, as a warning, as an exception of its own. In a process of
    its own, because libraries that other tests import set logging up their way."""
    command = [sys.executable, "-c", LIBRARIES, WORDS]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "kangaroo" not in found.stdout + found.stderr
    assert "httpx said something at <string>" in found.stderr and "ValueError at <string>:" in found.stderr


def test_an_error_nobody_caught_says_where_and_not_what(capsys: pytest.CaptureFixture[str]) -> None:
    """In the main thread and in others; what led to it too."""
    set_up(load_settings())

    def fail() -> None:
        try:
            raise KeyError(WORDS)
        except KeyError as error:
            raise RuntimeError(WORDS) from error

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    found = said(capsys)
    assert "kangaroo" not in found
    assert found.count("RuntimeError at ") == 2 and found.count("after KeyError at ") == 2


def test_a_key_that_slips_into_a_line_is_hidden(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Of every secret setting, and the password of an address."""
    url = "postgresql+psycopg://ada:pass-of-ada@db/m"
    settings = load_settings(frontier_key="key-of-frontier", webhook_secret="hook-secret", database_url=url)
    set_up(settings)
    logging.getLogger("pipeline.x").error("key-of-frontier hook-secret pass-of-ada")
    found = said(capsys)
    assert "*** *** ***" in found and "key-of" not in found


def test_set_up_twice_logs_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A process that is set up again does not say everything twice."""
    for _ in range(3):
        set_up(load_settings())
    logging.getLogger("pipeline.x").error("once")
    assert said(capsys).count("once") == 1
