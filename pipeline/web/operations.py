"""Operations: what comes in, what waits and why, what it costs. A reader of some matters sees their sums alone; what
concerns the whole machine (runs, speed, models, index, disk) is shown to administrators."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from pipeline.errors import NotFound
from pipeline.operations import Operations, Reason, rates
from pipeline.rows import Run
from pipeline.types import DocumentStatus, PageStatus
from pipeline.web.guard import Caller, Office, Who
from pipeline.web.views import page
from pipeline.wiring import Tools

__all__ = ["overview_of", "room"]

room = APIRouter(tags=["operations"])

DAYS = 30
RUNS = 20
LISTED = 200


class Arrived(BaseModel):
    """A day on which something came in."""

    day: date
    documents: int
    pages: int
    by_status: dict[str, int]


class Waiting(BaseModel):
    """Why so many documents or pages wait; # stands for numbers. `address` lists them."""

    what: str
    status: str
    text: str
    count: int
    address: str


class Spent(BaseModel):
    """Frontier calls of a day or model; `unsure` USD may have been spent by calls without an end."""

    key: str
    calls: int
    usd: Decimal
    unsure: Decimal


class Ran(BaseModel):
    """A run: when it began and ended (null: not yet), how, its seconds of work by stage and its counts."""

    id: int
    kind: str
    status: str
    started: datetime
    finished: datetime | None
    seconds: dict[str, float]
    totals: dict[str, int]


class Rated(BaseModel):
    """A stage's seconds of work over the runs shown, and pages a second of them."""

    stage: str
    seconds: float
    pages_a_second: float


class Model(BaseModel):
    """A model on this machine; `problem` says why it can't be used."""

    name: str
    role: str
    source: str
    parameters: int
    revision: str
    sha256: str
    problem: str


class Machine(BaseModel):
    """What concerns the whole machine: for administrators. Sizes in bytes, budgets in USD."""

    runs: list[Ran]
    rates: list[Rated]
    models: list[Model]
    index: str
    indexed: int = Field(description="documents that are in the index")
    indexable: int = Field(description="documents that are read and could be")
    index_bytes: int
    catalog_bytes: int
    disk_free: int
    disk_total: int
    budgets: dict[str, Decimal]


class Overview(BaseModel):
    """The sums over the caller's matters; `machine` is null for who is no administrator."""

    documents: dict[str, int]
    pages: dict[str, int]
    arrived: list[Arrived]
    waiting: list[Waiting]
    spent_by_day: list[Spent]
    spent_by_model: list[Spent]
    machine: Machine | None


class Asked(BaseModel):
    """A reason to list the documents of, as `Waiting` names it."""

    what: Annotated[str, Field(max_length=20)] = ""
    status: Annotated[str, Field(max_length=40)] = ""
    text: Annotated[str, Field(max_length=600)] = ""


class Behind(BaseModel):
    """A document that waits, and the pages that do (none: the whole of it)."""

    document: str
    name: str
    matter: str
    status: str
    reason: str
    pages: list[int]


@dataclass(frozen=True)
class _Size:
    """Bytes as a person reads them."""

    bytes: int

    def __str__(self) -> str:
        size, units = float(self.bytes), iter(("bytes", "KiB", "MiB", "GiB", "TiB"))
        unit = next(units)
        while size >= 1024 and unit != "TiB":
            size, unit = size / 1024, next(units)
        return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"


@room.get("/operations", response_class=HTMLResponse)
def operations_page(request: Request, tools: Office, caller: Who) -> HTMLResponse:
    """The overview."""
    view = overview_of(tools, caller)
    most = max((day.documents for day in view.arrived), default=1)
    return page(request, "operations.html", view=view, most=max(1, most), days=DAYS, size=_Size, statuses=STATUSES)


@room.get("/api/operations")
def operations(tools: Office, caller: Who) -> Overview:
    """The overview, as JSON."""
    return overview_of(tools, caller)


@room.get("/operations/waiting", response_class=HTMLResponse)
def waiting_page(request: Request, asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> HTMLResponse:
    """The documents behind one reason."""
    found = _behind(tools, caller, asked)
    return page(request, "waiting.html", asked=asked, found=found, most=LISTED)


@room.get("/api/operations/waiting")
def waiting(asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> list[Behind]:
    """The documents behind one reason, oldest first, at most 200."""
    return _behind(tools, caller, asked)


STATUSES = tuple(str(status) for status in DocumentStatus)


def overview_of(tools: Tools, caller: Caller) -> Overview:
    """All that the caller may know."""
    sums, matters = Operations(tools.catalog.database), caller.matters
    documents, pages = sums.totals(matters)
    spent = sums.spend(matters, datetime.now().timestamp() - DAYS * 86400)
    return Overview(
        documents=documents,
        pages=pages,
        arrived=[Arrived(**asdict(day)) for day in sums.arrived(matters, DAYS)],
        waiting=[Waiting(**asdict(each), address=_address(each)) for each in sums.waiting(matters)],
        spent_by_day=[Spent(**asdict(each)) for each in spent["day"]],
        spent_by_model=[Spent(**asdict(each)) for each in spent["model"]],
        machine=_machine(tools, sums) if caller.admin else None,
    )


def _machine(tools: Tools, sums: Operations) -> Machine:
    settings, runs = tools.settings, tools.catalog.runs(RUNS)
    indexed, indexable = sums.indexed(None)
    disk = shutil.disk_usage(settings.root)
    spendable = {"run": settings.budget_run, "day": settings.budget_day, "matter": settings.budget_matter}
    return Machine(
        runs=[_ran(run) for run in runs],
        rates=[Rated(**asdict(rate)) for rate in rates(runs)],
        models=_models(tools),
        index="Qdrant server" if settings.qdrant_url else "embedded in the home",
        indexed=indexed,
        indexable=indexable,
        index_bytes=_bytes(settings.root / "index"),
        catalog_bytes=_bytes(settings.root / "catalog.sqlite"),
        disk_free=disk.free,
        disk_total=disk.total,
        budgets={name: bound for name, bound in spendable.items() if bound is not None},
    )


def _ran(run: Run) -> Ran:
    return Ran(
        id=run.id,
        kind=run.kind,
        status=run.status,
        started=datetime.fromtimestamp(run.started).astimezone(),
        finished=datetime.fromtimestamp(run.finished).astimezone() if run.finished else None,
        seconds=run.seconds,
        totals=run.totals,
    )


def _models(tools: Tools) -> list[Model]:
    from pipeline.models import installed

    shown = Model.model_fields
    return [
        Model(**{name: value for name, value in asdict(model).items() if name in shown})
        for model in installed(tools.settings.models_dir)
    ]


def _bytes(path: Path) -> int:
    """Of a file, or of all files under a folder; what is swept away meanwhile counts nothing."""
    files = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in files:
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:
            continue
    return total


def _address(reason: Reason) -> str:
    return f"/operations/waiting?{urlencode({'what': reason.what, 'status': reason.status, 'text': reason.text})}"


def _behind(tools: Tools, caller: Caller, asked: Asked) -> list[Behind]:
    if asked.what not in {"documents", "pages"} or asked.status not in {*DocumentStatus, *PageStatus}:
        raise NotFound("there is no such reason")
    reason = Reason(asked.what, asked.status, asked.text, 0)
    found = Operations(tools.catalog.database).behind(reason, caller.matters, LISTED)
    return [
        Behind(
            document=document.id,
            name=document.name,
            matter=document.matter,
            status=document.status,
            reason=document.reason,
            pages=pages,
        )
        for document, pages in found
    ]
