"""A triage classifier that is loaded when the first page is shown to it: most documents show it none.

Loading costs seconds and memory, transformers most of both, and what the classifier is heard on is known without it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.answer_scale import read_scale
from pipeline.backends.protocols import PageClassifier, PageInput
from pipeline.types import Verdict

__all__ = ["LateClassifier"]


class LateClassifier:
    """`PageClassifier` over a checkpoint in `folder`; `load` makes the real one, once. Threads may share it."""

    def __init__(self, folder: Path, load: Callable[[], PageClassifier]) -> None:
        """`ModelError` for a damaged calibration file; what else is wrong with a checkpoint, loading finds."""
        self._heard = read_scale(folder).heard
        self._load, self._lock = load, threading.Lock()
        self._loaded: PageClassifier | None = None

    @property
    def name(self) -> str:
        """That of the loaded classifier."""
        return self._real().name

    @property
    def heard(self) -> tuple[str, ...]:
        """The questions that its verdicts answer."""
        return self._heard

    def classify(self, pages: Sequence[PageInput]) -> list[Verdict]:
        """As the loaded classifier does."""
        return self._real().classify(pages)

    def _real(self) -> PageClassifier:
        with self._lock:
            self._loaded = self._loaded or self._load()
        return self._loaded
