"""Who stands for a home: found by process and birth, one at a time, asked to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from pipeline.errors import AlreadyRunning
from pipeline.processes import birth
from pipeline.standing import Standing, end, stand, standing

STANDS = """import sys, time, pathlib
from pipeline.standing import stand
with stand(pathlib.Path(sys.argv[1])):
    print("stands", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """A process that stands for the folder."""
    with subprocess.Popen([sys.executable, "-c", STANDS, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"stands\n"
        yield process
        process.kill()


def test_the_second_is_told_of_the_first(tmp_path, other):
    """With its process number and since when; after a kill -9 the place is free."""
    with pytest.raises(AlreadyRunning, match=f"process {other.pid}, since 20"), stand(tmp_path):
        pass
    other.kill()
    other.wait()
    assert standing(tmp_path) is None
    with stand(tmp_path):
        assert standing(tmp_path).pid == os.getpid()
    assert standing(tmp_path) is None


def test_it_ends_when_asked(tmp_path, other):
    """`end` waits until it is gone."""
    threading.Thread(target=other.wait).start()  # else it stays a zombie of ours
    assert end(standing(tmp_path), 10.0)
    assert standing(tmp_path) is None


def test_one_that_takes_its_time_is_said_to_stand():
    """A process that ignores the signal has not ended."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as stubborn:
        stubborn.stdout.readline()
        assert not end(Standing(stubborn.pid, birth(stubborn.pid), 0.0), 0.3)
        stubborn.kill()


def test_a_later_process_of_its_number_is_not_it(tmp_path):
    """The number is that of a living process, the birth is not."""
    (tmp_path / "up.json").write_text(json.dumps({"pid": os.getpid(), "born": "boot:1", "since": 0.0}))
    assert standing(tmp_path) is None
