"""The worker pool: limits, deaths, fairness, and that no worker outlives its parent."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.errors import DiskFull, DocumentHeld, DocumentRejected, Stopped, WorkerDied, WorkerTimeout
from pipeline.workers import WorkerPool

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _tasks_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def tasks():
    import worker_tasks

    return worker_tasks


@pytest.fixture
def pool():
    with WorkerPool(2, memory_mb=512, tasks_per_worker=50) as started:
        yield started


def results(pool, function, items, seconds=20.0):
    return dict(pool.run(function, items, seconds=seconds))


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_every_item_comes_back_with_its_result(pool, tasks):
    """Each item is answered once, with the value its function returned."""
    assert results(pool, tasks.square, range(100)) == {n: n * n for n in range(100)}


def test_a_result_is_yielded_as_soon_as_it_is_there(pool, tasks):
    """A slow item doesn't hold back a quick one that was given after it."""
    assert [item for item, _ in pool.run(tasks.nap, [0.6, 0.0], seconds=20)] == [0.0, 0.6]


def test_a_hanging_task_is_ended_and_the_others_go_on(pool, tasks):
    """Past its seconds a task's worker is killed; the next items find a fresh one."""
    found = results(pool, tasks.nap, [600, 0.01, 0.02], seconds=1.0)
    assert isinstance(found[600], WorkerTimeout)
    assert "1 s" in str(found[600])
    assert (found[0.01], found[0.02]) == (0.01, 0.02)


def test_a_memory_hog_is_stopped_at_its_limit(pool, tasks):
    """Memory over the limit is `WorkerDied` with the limit in its message, and the pool goes on."""
    found = results(pool, tasks.hog, [2 << 30, 1000])
    assert isinstance(found[2 << 30], WorkerDied)
    assert "512 MiB" in str(found[2 << 30])
    assert found[1000] == 1000


def test_a_worker_that_dies_takes_only_its_item_with_it(pool, tasks):
    """A task that kills its worker each time is `WorkerDied` and names the signal."""
    died = results(pool, tasks.die, ["page"])["page"]
    assert isinstance(died, WorkerDied)
    assert "SIGKILL" in str(died)
    assert results(pool, tasks.square, [7]) == {7: 49}


def test_a_death_is_tried_again_once(pool, tasks, tmp_path):
    """The kernel's memory killer may have picked an innocent worker: its task gets a second chance."""
    marker = str(tmp_path / "died")
    assert results(pool, tasks.die_once, [marker]) == {marker: "survived"}


def test_our_errors_travel_back_as_they_are(pool, tasks):
    """An error of our tree keeps its class and its message."""
    error = results(pool, tasks.reject, ["the file is empty"])["the file is empty"]
    assert type(error) is DocumentRejected
    assert str(error) == "the file is empty"


def test_other_errors_lose_their_message(pool, tasks):
    """A library's message may quote the document: only the error's type comes back."""
    error = results(pool, tasks.stumble, ["Jane Doe's salary"])["Jane Doe's salary"]
    assert type(error) is DocumentHeld
    assert "ValueError" in str(error)
    assert "Jane" not in str(error)


def test_a_full_disk_is_no_fault_of_a_page(pool, tasks):
    """Temporary files find no room: an error of the store, which ends the run."""
    error = results(pool, tasks.fill, ["Jane Doe's salary"])["Jane Doe's salary"]
    assert type(error) is DiskFull
    assert str(error) == "no room for temporary files: No space left on device"


def test_a_worker_knows_no_secrets_and_imports_nothing_heavy(monkeypatch, tasks):
    """Limits are set, secrets stay out of the environment, and neither models nor `__main__` are loaded."""
    for name in ("MUNIMENT_QDRANT_API_KEY", "HF_TOKEN", "MUNIMENT_DATABASE_URL", "AWS_SECRET", "DB_PASSWORD"):
        monkeypatch.setenv(name, "s3cret")
    with WorkerPool(1, memory_mb=512, tasks_per_worker=5) as pool:
        seen = results(pool, tasks.surroundings, ["here"])["here"]
    assert "s3cret" not in str(seen["environment"])
    assert seen["environment"]["OMP_THREAD_LIMIT"] == "1"
    assert (seen["memory"], seen["core"]) == (512 << 20, 1)
    assert seen["heavy"] == []
    assert seen["main"] is None


def test_workers_start_only_when_there_is_work(tasks):
    """An idle pool costs nothing, and one item starts one worker."""
    with WorkerPool(4, memory_mb=512, tasks_per_worker=5) as pool:
        assert pool._workers == []
        results(pool, tasks.square, [1])
        assert len(pool._workers) == 1


def test_a_worker_is_replaced_after_its_tasks(tasks):
    """Libraries retain memory: after `tasks_per_worker` tasks another process serves."""
    with WorkerPool(1, memory_mb=512, tasks_per_worker=3) as pool:
        pids = [pid for _, pid in pool.run(tasks.pid, range(9), seconds=20)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]


def test_two_threads_share_the_workers(tasks):
    """A short document isn't made to wait until a long one that came first is through."""
    with WorkerPool(1, memory_mb=512, tasks_per_worker=500) as pool:
        finished = []

        def work(name, count):
            list(pool.run(tasks.nap, [0.02] * count, seconds=20))
            finished.append(name)

        long = threading.Thread(target=work, args=("long", 60))
        long.start()
        time.sleep(0.3)
        short = threading.Thread(target=work, args=("short", 3))
        short.start()
        short.join()
        long.join()
    assert finished == ["short", "long"]


def test_leaving_the_loop_drops_what_has_not_started(pool, tasks):
    """A caller that stops early isn't charged for the rest."""
    for _ in pool.run(tasks.nap, [0.0, *([5.0] * 20)], seconds=20):
        break
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 3


def test_closing_ends_workers_and_answers_who_waits(tasks):
    """A run under way when the pool closes is stopped at once: its items are neither answered nor blamed."""
    pool = WorkerPool(1, memory_mb=512, tasks_per_worker=5)
    stopped = []

    def wait_for_results() -> None:
        try:
            list(pool.run(tasks.nap, [60, 61], seconds=90))
        except Stopped as error:
            stopped.append(error)

    thread = threading.Thread(target=wait_for_results)
    thread.start()
    assert wait_until(lambda: any(worker.task for worker in pool._workers))
    process = pool._workers[0].process
    pool.close()
    thread.join(10)
    assert len(stopped) == 1
    assert process.poll() is not None
    with pytest.raises(Stopped, match="stopped"):
        list(pool.run(tasks.square, [1], seconds=1))


@pytest.mark.parametrize("busy", [True, False], ids=["busy", "idle"])
def test_no_worker_outlives_a_parent_that_was_killed(tmp_path, busy):
    """After kill -9 of the parent its workers are gone, even one in the middle of a task."""
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys, time; sys.path.insert(0, {str(HERE)!r})\n"
        "import worker_tasks as tasks\n"
        "from pipeline.workers import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(2, memory_mb=512, tasks_per_worker=50)\n"
        "    print(next(iter(pool.run(tasks.pid, [1], seconds=20)))[1], flush=True)\n"
        f"    list(pool.run(tasks.nap, [600] if {busy} else [], seconds=900))\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        worker = int(parent.stdout.readline())
        assert is_alive(worker)
        time.sleep(0.2)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    assert wait_until(lambda: not is_alive(worker))


def test_ctrl_c_reaches_the_parent_alone(tmp_path):
    """An interrupt of the whole process group leaves the workers to the parent, which ends them cleanly."""
    script = tmp_path / "parent.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\n"
        "import worker_tasks as tasks\n"
        "from pipeline.workers import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    with WorkerPool(1, memory_mb=512, tasks_per_worker=50) as pool:\n"
        "        print('ready', flush=True)\n"
        "        try:\n"
        "            list(pool.run(tasks.nap, [1.5], seconds=20))\n"
        "        except KeyboardInterrupt:\n"
        "            print(list(pool.run(tasks.square, [3], seconds=20)), flush=True)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert parent.stdout.readline() == "ready\n"
    time.sleep(0.5)
    os.killpg(parent.pid, signal.SIGINT)
    output, _ = parent.communicate(timeout=20)
    assert output == "[(3, 9)]\n"
    assert parent.returncode == 0
