"""Progress: a bar on a terminal, silence elsewhere, stdout untouched."""

import os
import pty
import subprocess
import sys

from pipeline.progress import bar

SCRIPT = """
import time
from pipeline.progress import bar
with bar("documents") as progress:
    progress.start(2)
    progress.advance("first\\x1b]0;owned\\x07[bold].pdf: done")
    time.sleep(0.3)
    progress.advance("second.pdf: done")
print("report")
"""


def test_silent_without_a_terminal(capfd):
    """Piped output holds nothing of the bar."""
    with bar("documents") as progress:
        progress.start(1)
        progress.advance("x.pdf: done")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_drawn_on_a_terminal_with_hostile_names_disarmed():
    """On a terminal the bar counts on stderr, a file name can't send escape codes, stdout holds only the report."""
    leader, follower = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=follower,
        check=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(follower)
    shown = os.read(leader, 1 << 16)
    os.close(leader)
    assert done.stdout == b"report\n"
    assert b"1/2" in shown
    assert b"]0;owned [bold].pdf: done" in shown
    assert b"\x1b]0;owned" not in shown
