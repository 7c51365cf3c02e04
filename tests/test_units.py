"""The systemd units: accepted by systemd, starting commands that exist, none of them with more rights than it needs."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main

UNITS = sorted((Path(__file__).parent.parent / "infra" / "systemd").glob("*.service"))
BIN = "/opt/muniment/.venv/bin"


def settings(unit: Path) -> list[str]:
    return [line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_starts_a_command_that_exists(unit):
    """`muniment NAME`, or a module of ours."""
    (start,) = [line for line in settings(unit) if line.startswith("ExecStart=")]
    program, *arguments = start.removeprefix("ExecStart=").split()
    if program == f"{BIN}/python":
        assert arguments[:2] == ["-P", "-m"] and importlib.util.find_spec(arguments[2])
        return
    assert program == f"{BIN}/muniment"
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--help"])
    assert ended.value.code == 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_it(unit, tmp_path):
    """No option that it does not know, no value that it does not understand; exposed to little by its own measure."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed")
    here = tmp_path / unit.name
    here.write_text(unit.read_text().replace(f"{BIN}/python", sys.executable).replace(f"{BIN}/muniment", "/bin/true"))
    # User and other units are not there; what systemd does not understand is said with file and line.
    verified = subprocess.run([analyze, "verify", str(here)], capture_output=True, text=True, check=False)
    assert f"{unit.name}:" not in verified.stderr.replace(f"{unit.name}: Command", ""), verified.stderr
    measured = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", str(here)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert measured.returncode == 0, measured.stdout + measured.stderr


def test_all_of_them_are_shut_in_alike():
    """What one may not do, none may."""
    starts = ("ExecStart=", "Description=", "TimeoutStopSec=", "Conflicts=")
    kept = {tuple(line for line in settings(unit) if not line.startswith(starts)) for unit in UNITS}
    assert len(UNITS) == 4 and len(kept) == 1
