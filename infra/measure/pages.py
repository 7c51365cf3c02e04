"""Pages as triage is given them: rendered and read as the product does it, in worker processes, kept between runs."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.backends.protocols import PageInput
from pipeline.errors import MunimentError
from pipeline.pdf import InspectJob, inspect
from pipeline.read import ReadJob, read_page
from pipeline.render import RenderJob, render_page
from pipeline.settings import load_settings
from pipeline.store import Store
from pipeline.workers import WorkerPool

__all__ = ["Pages", "read_pages"]

Place = tuple[Path, int]
Pages = Mapping[Place, PageInput | MunimentError]

PAGE_SECONDS = 240.0  # the machine that measures is shared


@dataclass(frozen=True, slots=True)
class _Job:
    place: Place
    store: Path


def read_pages(places: Iterable[Place], cache: Path) -> Pages:
    """The pages (PDF, number from 1), each read or with the error that took its place.

    What was read is kept under `cache` by the file's content, errors are not; a second start repeats only what
    was in flight. The cache does not know which code read a page: a new folder is needed when reading has changed.
    """
    kept = {place: cache / "pages" / f"{_digest(place[0])}-{place[1]}.pickle" for place in places}
    missing = [_Job(place, cache / "store") for place, file in kept.items() if not file.is_file()]
    failed = {}
    for place, page in _read_all(missing):
        if isinstance(page, MunimentError):
            failed[place] = page
        else:
            _keep(kept[place], pickle.dumps(page))
    return {place: failed.get(place) or pickle.loads(file.read_bytes()) for place, file in kept.items()}


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _read_all(jobs: list[_Job]) -> Iterable[tuple[Place, PageInput | MunimentError]]:
    settings = load_settings()
    with WorkerPool(settings.workers, memory_mb=settings.worker_memory_mb, tasks_per_worker=settings.worker_tasks) as p:
        for job, page in p.run(_read, jobs, seconds=PAGE_SECONDS):
            yield job.place, page


def _read(job: _Job) -> PageInput:
    """In a worker: inspect, render, read."""
    pdf, number = job.place
    inspect(InspectJob(pdf, load_settings().max_pages))
    image = render_page(RenderJob(pdf, number, job.store))
    return PageInput(image, Store(job.store).path(image.sha256), read_page(ReadJob(pdf, image, job.store)))


def _keep(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".part")
    draft.write_bytes(data)
    draft.rename(file)
