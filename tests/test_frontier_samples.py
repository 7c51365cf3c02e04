"""The sample documents that wait, from taking them in to the costs, by the commands a person types."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from frontier_server import KEY, frontier_server

import sample_docs

INBOX = Path(sample_docs.__file__).parent / "inbox"
SHOWN = ("harbor-logistics/invoice.pdf", "harbor-logistics/purchase-order.pdf", "acme-lease/site-walk-notes.pdf")


def muniment(home: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Exit code and what was printed, by a process of its own."""
    environment = os.environ | {"MUNIMENT_HOME": str(home)} | settings
    command = [sys.executable, "-m", "pipeline", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_sample_documents_by_the_commands_of_the_readme(home, tmp_path):
    """They wait, are estimated, stay until their matter lets them go, are read under a budget, and are paid for."""
    for name in SHOWN:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(INBOX / name, tmp_path / name)
    assert muniment(home, "ingest", *{str((tmp_path / name).parent) for name in SHOWN})[0] == 0
    code, said = muniment(home, "escalate", "--estimate")
    assert code == 2 and "no frontier model is configured: set MUNIMENT_FRONTIER_URL" in said
    with frontier_server() as server:
        frontier = {
            "MUNIMENT_FRONTIER_URL": server.url,
            "MUNIMENT_FRONTIER_KEY": KEY,
            "MUNIMENT_FRONTIER_KIND": "self-hosted",
            "MUNIMENT_FRONTIER_PROFILE": "claude",
        }
        code, said = muniment(home, "escalate", **frontier)
        assert code == 0 and "0 pages read" in said and "3 pages wait: the matter's policy is “never”" in said
        assert server.requests == []
        code, said = muniment(home, "matter", "harbor-logistics", "--frontier", "self-hosted", **frontier)
        assert code == 0 and "harbor-logistics  frontier: self-hosted" in said
        code, said = muniment(home, "escalate", "--estimate", **frontier)
        assert code == 0 and "2 pages of 2 documents can be sent to claude-sonnet-5-5: at most 0." in said
        assert "no likely figure" in said and "nothing was sent" in said and server.requests == []
        code, said = muniment(home, "escalate", "--budget", "0.02", **frontier)
        assert code == 9 and "stopped: the budget of this run" in said and server.asked() == []
        code, said = muniment(home, "show", "invoice.pdf", **frontier)
        assert "not asked yet, the budget ended the last run" in said
        code, said = muniment(home, "escalate", "--json", **frontier)
        report = json.loads(said)
        assert (code, report["answered"], report["stopped"]) == (0, 2, "") and float(report["spent"]) > 0
        code, said = muniment(home, "costs", "--by", "matter", **frontier)
        assert code == 0 and "harbor-logistics  " in said and "acme-lease" not in said
        assert "all 3 pages of this home: 0." in said and "by the mean of the 2 pages" in said
        code, said = muniment(home, "escalate", "--estimate", "--json", "--matter", "acme-lease", **frontier)
        assert code == 0 and json.loads(said)["waiting"].popitem()[1] == 1
    code, said = muniment(home, "status")
    assert "Pages that need the frontier model" in said and "none is configured (MUNIMENT_FRONTIER_URL)" in said
