"""One case of the fuzzer, as a worker runs it: damage a sample, then inspect, render and read what is left."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from unittest import mock

from infra.measure.mutations import Sample, mutant, samples
from pipeline import read, render
from pipeline.pdf import InspectJob, inspect
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.store import Store

__all__ = ["Case", "walk"]

DPI, MOST_PIXELS, MOST_PAGES = 100, 4_000_000, 3


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged file, by its seed; `ocr`: whether Tesseract looks at it; `sound`: the sample without damage."""

    seed: str
    folder: Path
    ocr: bool = False
    sound: bool = False


@lru_cache(maxsize=1)
def _samples() -> tuple[Sample, ...]:
    return samples()


def walk(case: Case) -> str:
    """Runs in a worker: the file of the case, on the road up to its words; what became of it."""
    path = case.folder / f"{os.getpid()}-{case.seed.replace(':', '-')}.pdf"
    path.write_bytes(_samples()[0].data if case.sound else mutant(_samples(), case.seed)[1])
    try:
        with ExitStack() as stack:
            if not case.ocr:
                _without_ocr(stack)
            count = inspect(InspectJob(path, 100)).page_count
            store = case.folder / f"store-{os.getpid()}"  # of its own: the same image may be another's, too
            words = sum(_page(path, number, store) for number in range(1, min(count, MOST_PAGES) + 1))
    finally:
        path.unlink(missing_ok=True)
    return "read, with words" if words else "read, no words"


def _without_ocr(stack: ExitStack) -> None:
    stack.enter_context(mock.patch.object(read, "spot_lines", lambda words: []))
    for module, name, answer in (
        (read.ocr, "read_words", ()),
        (read.ocr, "script", ""),
        (render.ocr, "orientation", None),
    ):
        stack.enter_context(mock.patch.object(module, name, lambda *_, answer=answer: answer))


def _page(path: Path, number: int, store: Path) -> int:
    image = render_page(RenderJob(path, number, store, DPI, MOST_PIXELS))
    try:
        return len(read_page(ReadJob(path, image, store)).words)
    finally:
        Store(store).path(image.sha256).unlink(missing_ok=True)
