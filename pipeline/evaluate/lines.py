"""The lines of a golden file."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import NotFound, UsageError

__all__ = ["golden_lines"]


def golden_lines(path: Path) -> list[str]:
    """`NotFound` when the file can't be read, `UsageError` when it is no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no UTF-8 text") from error
    except OSError as error:
        raise NotFound(f"can't read {path}: {error.strerror}") from error
