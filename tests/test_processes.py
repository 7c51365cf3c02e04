"""Whether a process is still the one that was written down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import processes


def test_this_process_is_alive() -> None:
    """By its number alone where the system tells no more, and by its birth where it does."""
    assert processes.alive(os.getpid(), processes.birth(os.getpid()))
    assert processes.alive(os.getpid(), "")


def test_a_process_that_ended_is_not() -> None:
    """Its number is free, or another's by now."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    born = processes.birth(process.pid)
    assert processes.alive(process.pid, born)
    process.communicate()
    assert not processes.alive(process.pid, born)
    assert processes.birth(process.pid) in {"", *({processes.birth(process.pid)} - {born})}


def test_another_process_of_the_same_number_is_not() -> None:
    """The number was given out again: boot and start time differ."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to tell processes of one number apart")
    assert not processes.alive(os.getpid(), "another boot:1")
