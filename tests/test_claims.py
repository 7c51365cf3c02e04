"""One worker a document, and no claim outlives its holder."""

import os
import signal
import subprocess
import sys
import threading
import time

from pipeline.claims import claim, sole

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.claims import claim
with claim(Path(sys.argv[1]), "doc"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_threads_take_turns(tmp_path):
    """Two threads never hold the same name at once."""
    inside, most = [0], [0]

    def work():
        for _ in range(20):
            with claim(tmp_path, "doc"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.001)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1


def test_a_killed_holder_lets_go(tmp_path):
    """A kill -9 frees the claim with the process: the next start does not wait for the dead."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        os.kill(holder.pid, signal.SIGKILL)
    start = time.monotonic()
    with claim(tmp_path, "doc"):
        assert time.monotonic() - start < 10


def test_different_names_do_not_wait(tmp_path):
    """Claims on different documents are independent."""
    with claim(tmp_path, "one"), claim(tmp_path, "two"):
        assert {path.name for path in tmp_path.iterdir()} == {"one.lock", "two.lock"}


def test_a_sole_place_is_refused_while_it_is_held_and_free_when_its_holder_died(tmp_path):
    """Who comes second is told at once instead of waiting; a kill -9 leaves nothing to clear."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with sole(tmp_path, "doc") as held:
            assert not held
        os.kill(holder.pid, signal.SIGKILL)
    with sole(tmp_path, "doc") as held, sole(tmp_path, "doc") as again, sole(tmp_path, "other") as other:
        assert (held, again, other) == (True, False, True)
