"""Shared by all tests: helper modules of `tests/` can be imported, and nothing asks the network or a user's home."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

# One thread for Tesseract (more of them spin against each other) and, because of it, one for torch: with
# OMP_THREAD_LIMIT=1 alone, torch hands work to threads that never come, and computes wrong without an error.
os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1")
os.environ.update(HF_HUB_OFFLINE="1", DO_NOT_TRACK="1", PREFECT_SERVER_ANALYTICS_ENABLED="false")
FRONTIER = {name: value for name, value in os.environ.items() if name.startswith("MUNIMENT_FRONTIER_")}
for name in [name for name in os.environ if name.startswith("MUNIMENT_") and not name.startswith("MUNIMENT_TEST_")]:
    if name not in {"MUNIMENT_QDRANT_URL", "MUNIMENT_QDRANT_API_KEY"}:
        del os.environ[name]


@pytest.fixture(scope="session")
def frontier_environment() -> dict[str, str]:
    """What was set of MUNIMENT_FRONTIER_* when the tests began: only the contract suite asks a real server."""
    return FRONTIER


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MUNIMENT_HOME of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MUNIMENT_HOME", str(folder))
    return folder
