"""The end of a run, after the catalog has it: its report is written, and people are told what they should know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.run_result import DocumentReport
    from pipeline.wiring import Tools

__all__ = ["conclude"]


def conclude(
    tools: Tools, run: int, documents: Sequence[DocumentReport] = (), details: Sequence[tuple[str, str]] = ()
) -> None:
    """Never raises. A run that met nothing new leaves no report: a folder that is looked at each minute would."""
    from pipeline.telling import run_reports
    from pipeline.telling.lookout import look

    if details or any(one.new for one in documents):
        run_reports.write(tools, run, documents, details)
    look(tools)
