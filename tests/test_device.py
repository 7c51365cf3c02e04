"""Device and number format: what is asked for is given or refused with the fix, and a format that errs is found out."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch

from pipeline.backends import device
from pipeline.backends.device import device_of, dtype_of, one_core
from pipeline.errors import ModelError, UsageError

CPU = torch.device("cpu")
STARVED = """
import torch
from pipeline.backends.device import _right, dtype_of
torch.set_num_threads(2)
assert not _right(torch.bfloat16, "cpu"), "this machine computes bfloat16 rightly even so"
print(dtype_of("auto", torch.device("cpu")))
"""


def test_device_auto_is_a_device_that_is_there():
    """`auto` is CUDA where torch sees it, else the CPU."""
    assert device_of("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_missing_cuda_names_the_setting():
    """CUDA that is not there is a usage error naming the variable."""
    with pytest.raises(UsageError, match="MUNIMENT_DEVICE=cpu"):
        device_of("cuda")


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_dtype_by_name(name):
    """A format asked for by name is given when it computes rightly."""
    assert dtype_of(name, CPU) == getattr(torch, name)


def test_a_format_that_computes_wrong_is_not_used(monkeypatch):
    """`auto` falls back to float32, a wish by name is refused with the fix."""
    monkeypatch.setattr(device, "_right", lambda dtype, kind: dtype == torch.float32)
    assert dtype_of("auto", CPU) == torch.float32
    with pytest.raises(ModelError, match="MUNIMENT_DTYPE=auto"):
        dtype_of("bfloat16", CPU)


@pytest.mark.skipif(not device._cpu_multiplies_bfloat16(), reason="this CPU does not multiply bfloat16 natively")
def test_threads_that_never_come_are_noticed():
    """With OMP_THREAD_LIMIT=1 and two torch threads bfloat16 silently errs here; `auto` sees it and takes float32."""
    environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
    done = subprocess.run([sys.executable, "-c", STARVED], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "torch.float32", done.stderr


def test_one_core_is_that_threads_alone():
    """The thread that asked for it computes on one core; this one, and one that comes later, as before."""
    kept = torch.get_num_threads()
    torch.set_num_threads(3)  # counted, not computed with
    try:
        with ThreadPoolExecutor(1, initializer=one_core) as own, ThreadPoolExecutor(1) as later:
            assert own.submit(torch.get_num_threads).result() == 1
            assert later.submit(torch.get_num_threads).result() == 3
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(kept)


def test_threads_that_ask_at_once_leave_the_others_theirs():
    """However many threads take one core at the same time, those that come later begin with what was."""
    kept = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for _ in range(20):
            together = Barrier(8)
            with ThreadPoolExecutor(8, initializer=one_core) as own:
                assert {each.result() for each in [own.submit(_met, together) for _ in range(8)]} == {1}
        with ThreadPoolExecutor(1) as later:
            assert later.submit(torch.get_num_threads).result() == 3
    finally:
        torch.set_num_threads(kept)


def _met(together: Barrier) -> int:
    """What this thread computes on, once all are there."""
    together.wait()
    return torch.get_num_threads()
