"""`muniment ingest` over a folder, in a process of its own and watched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.measure.family import Watch, survivors

__all__ = ["ENDED", "Outcome", "walk"]

IDLE_SECONDS = 1.0
DEADLINE = 1800.0
ENDED = (0, 3)  # exit codes of a run that went well, without and with files that a person should look at


@dataclass(frozen=True)
class Outcome:
    """What a run reported, what it cost, and which of its processes were still there some seconds later."""

    documents: tuple[dict[str, Any], ...]
    exit_code: int
    wall: float
    cpu: float
    peak: int
    left: dict[int, str]


def walk(inbox: Path, scratch: Path, **settings: object) -> Outcome:
    """Run it with an empty home in `scratch`, whose path also marks its processes, and these settings
    (`max_file_mb=64` is MUNIMENT_MAX_FILE_MB=64). It is killed at `DEADLINE` seconds."""
    settings = {"home": scratch / "home", "index_idle_seconds": IDLE_SECONDS, **settings}
    own = {f"MUNIMENT_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "pipeline", "ingest", str(inbox), "--json"]
    process = subprocess.Popen(command, env=os.environ | own | {"TMPDIR": str(scratch)}, stdout=subprocess.PIPE)
    with process, Watch(process.pid, str(scratch)) as watch:
        try:
            printed, _ = process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    left = survivors(str(scratch), IDLE_SECONDS + 20)
    documents = json.loads(printed)["documents"] if process.returncode in ENDED else []
    return Outcome(tuple(documents), process.returncode, watch.wall, watch.cpu, watch.peak, left)
