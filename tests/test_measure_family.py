"""Memory, CPU and end of the processes that a command started."""

import subprocess
import sys
import time

from infra.measure.family import Watch, members, pss, survivors


def run(code, *marks):
    return subprocess.Popen([sys.executable, "-c", code, *marks])


def test_a_child_counts_with_its_memory_and_cpu():
    """The peak holds what a child took, the CPU what it used, also after it has ended."""
    with Watch(every=0.05) as watch, run("x = b'1' * (150 << 20)\nfor i in range(4_000_000): pass") as child:
        child.wait()
    assert watch.peak > 150 << 20
    assert watch.cpu >= 0.05
    assert watch.wall > 0


def test_a_survivor_is_named_until_it_ends():
    """Found by its mark wherever it hangs in the process table; gone when it is gone."""
    with run("import time; time.sleep(60)", "mark-of-a-test") as child:
        assert child.pid in members(child.pid)
        assert child.pid in survivors("mark-of-a-test", 0.1)
        child.kill()
    assert survivors("mark-of-a-test", 2.0) == {}
    assert pss(child.pid) == 0


def test_waiting_ends_when_the_last_one_ends():
    """The wait is no longer than it has to be."""
    with run("import time; time.sleep(0.5)", "mark-of-another"):
        start = time.monotonic()
        assert survivors("mark-of-another", 20.0) == {}
    assert time.monotonic() - start < 10
