"""The review queue: what is least certain first, one key to say what is true.

Reviewers do not lock each other out: a form carries the id of the correction it was made on, and who comes second is
told so and sees the next value. Everything works by plain forms; the script only puts keys beside the buttons.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from pipeline.corrections import PAGE, Correction, value_key
from pipeline.digests import Position, Queued
from pipeline.doubts import Rank
from pipeline.errors import NotFound, Superseded, UsageError
from pipeline.rulings import Ruling, record_of, rule, take_back
from pipeline.typed import LONGEST, choices, hint
from pipeline.types import Document
from pipeline.web.guard import Caller, Office, Posted, Who, visible_document
from pipeline.web.readings import Crop, Reading, crop_of
from pipeline.web.scans import page_image
from pipeline.web.views import page
from pipeline.wiring import Tools
from schemas.contract import SINGLE_FIELDS
from schemas.fields import BoxTuple, FieldValue

__all__ = ["Item", "room"]

room = APIRouter(tags=["review"])

LISTED = 50
MOST_OTHERS = 6  # other readings shown beside a value
CURSOR = re.compile(r"([0-9])_([0-9](?:\.[0-9]{1,20})?(?:e-[0-9]{1,3})?)_(-?[0-9]{1,9})_([0-9a-f]{1,64})")
Verdict = Literal["accepted", "corrected", "absent", "unreadable"]


class Asked(BaseModel):
    """Which part of the queue: of these matters (none named: all the caller may see), after this item."""

    matter: list[str] = []
    after: Annotated[str, Field(max_length=200)] = ""


class Item(BaseModel):
    """A value to look at. `at` is its place in the queue, `made_on` what a correction of it must name, `reading` what
    the machine read (null: nothing) and `others` what else it read there."""

    at: str
    document: str
    name: str
    matter: str
    pages: int
    field: str
    key: str
    rank: str
    certainty: float
    page: int
    reason: str
    made_on: int
    reading: Reading | None = None
    others: list[Reading] = []
    crop: Crop | None = None


class Queue(BaseModel):
    """The beginning of the queue, how many values it holds by why they are in it, and how many documents have changed
    and are yet to be looked through."""

    items: list[Item]
    counts: dict[str, int]
    unseen: int


class Said(BaseModel):
    """What a person says of a value; see `Item`. `value` and `page` belong to "corrected", `chosen` (a reading's
    `choice`) to "accepted"."""

    document: str = Field(max_length=64)
    field: str = Field(max_length=200)
    key: Annotated[str, Field(max_length=64)] = ""
    verdict: Verdict
    made_on: int = 0
    chosen: Annotated[str, Field(max_length=64)] = ""
    value: Annotated[str, Field(max_length=20 * LONGEST)] = ""
    page: Annotated[int, Field(ge=0)] = 0

    @property
    def ruling(self) -> Ruling:
        """As the pipeline takes it."""
        return Ruling(self.field, self.key, self.verdict, self.made_on, self.chosen, self.value, self.page)


class Typed(Said):
    """The same as the page's form sends it, with what of the queue was shown."""

    csrf: str = ""
    at: Annotated[str, Field(max_length=200)] = ""
    matter: list[str] = []


class Made(BaseModel):
    """A correction that was kept."""

    id: int
    document: str
    field: str
    key: str
    verdict: str
    value: str
    who: str
    made: float

    @classmethod
    def of(cls, said: Correction) -> Made:
        """From what the pipeline keeps."""
        return cls(**{name: getattr(said, name) for name in cls.model_fields})


class Undo(BaseModel):
    """The form of the key that takes the caller's last correction back."""

    csrf: str = ""
    matter: list[str] = []


@dataclass(frozen=True)
class _Trouble:
    """Why what a person said was not kept: said beside the value it is about, with what they had typed."""

    status: int
    words: str
    item: Queued | None = None
    said: Said | None = None


@room.get("/review", response_class=HTMLResponse)
def review_page(request: Request, asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> HTMLResponse:
    """The next value to look at."""
    return _shown(request, tools, caller, asked)


@room.post("/review", response_class=HTMLResponse)
def say(request: Request, said: Annotated[Typed, Form()], tools: Office, caller: Posted) -> Response:
    """Keep what the person says, and go to the next value."""
    asked = Asked(matter=said.matter, after=_before(said.at))
    try:
        _rule(said, tools, caller)
    except Superseded as clash:
        return _shown(request, tools, caller, asked, _Trouble(409, str(clash)))
    except UsageError as error:
        item = tools.digests.doubt(_inside(caller, said.matter), said.document, said.field, said.key)
        return _shown(request, tools, caller, asked, _Trouble(400, str(error), item, said))
    return RedirectResponse(_address(asked), 303)


@room.post("/review/undo", response_class=HTMLResponse)
def undo(request: Request, form: Annotated[Undo, Form()], tools: Office, caller: Posted) -> Response:
    """Take back the caller's last correction, and show its value again."""
    asked = Asked(matter=form.matter)
    try:
        taken = _undo(tools, caller)
    except (NotFound, Superseded) as error:
        return _shown(request, tools, caller, asked, _Trouble(409, str(error)))
    found = tools.digests.doubt(_inside(caller, form.matter), taken.document, taken.field, taken.key)
    return RedirectResponse(_address(Asked(matter=form.matter, after=_before(_cursor(found.at)) if found else "")), 303)


@room.get("/api/review")
def queue(asked: Annotated[Asked, Query()], tools: Office, caller: Who) -> Queue:
    """The first values to look at, least certain first, with counts of all."""
    unseen, matters = tools.digests.catch_up(), _inside(caller, asked.matter)
    found = tools.digests.queue(matters, _position(asked.after), LISTED)
    items = [_item(tools, each) for each in found]
    return Queue(items=items, counts=_counts(tools.digests.queue_counts(matters)), unseen=unseen)


@room.post("/api/review")
def say_api(said: Said, tools: Office, caller: Posted) -> Made:
    """Say what a value is; 409 when somebody else did meanwhile, 400 for what is no value of the field."""
    return Made.of(_rule(said, tools, caller))


@room.post("/api/review/undo")
def undo_api(tools: Office, caller: Posted) -> Made:
    """Take back the caller's last correction; 404 when there is none."""
    return Made.of(_undo(tools, caller))


def _rule(said: Said, tools: Tools, caller: Caller) -> Correction:
    document = visible_document(said.document, tools, caller)
    return rule(tools, document, said.ruling, caller.name)


def _undo(tools: Tools, caller: Caller) -> Correction:
    last = tools.corrections.last_by(caller.name, caller.matters)
    if last is None:
        raise NotFound("there is nothing of yours to take back")
    return take_back(tools, visible_document(last.document, tools, caller), last, caller.name)


def _shown(
    request: Request, tools: Tools, caller: Caller, asked: Asked, trouble: _Trouble | None = None
) -> HTMLResponse:
    unseen, matters = tools.digests.catch_up(), _inside(caller, asked.matter)
    found = [trouble.item] if trouble and trouble.item else tools.digests.queue(matters, _position(asked.after))
    item = _item(tools, found[0]) if found else None
    last = tools.corrections.last_by(caller.name, caller.matters)
    return page(
        request,
        "review.html",
        trouble.status if trouble else 200,
        asked=asked,
        item=item,
        counts=_counts(tools.digests.queue_counts(matters)),
        unseen=unseen,
        trouble=trouble,
        matters=caller.matters,
        undo=(last, tools.catalog.document(last.document).name) if last else None,
        hint=hint(item.field) if item else "",
        choices=choices(item.field) if item else (),
        skip=_address(Asked(matter=asked.matter, after=item.at)) if item else "",
        again=_address(Asked(matter=asked.matter)),
    )


def _inside(caller: Caller, wanted: list[str]) -> list[str]:
    named = set(filter(None, wanted))  # the form sends "" for all
    return [matter for matter in caller.matters if not named or matter in named]


def _item(tools: Tools, queued: Queued) -> Item:
    doubt, document = queued.doubt, tools.catalog.document(queued.document)
    values = _values(tools, queued)
    boxes = [box for each in values[:1] for proof in each.evidence if proof.page == doubt.page for box in proof.boxes]
    return Item(
        at=_cursor(queued.at),
        document=queued.document,
        name=queued.name,
        matter=queued.matter,
        pages=document.page_count,
        field=doubt.field,
        key=doubt.key,
        rank=doubt.rank.name.lower(),
        certainty=doubt.certainty,
        page=doubt.page,
        reason=doubt.reason,
        made_on=tools.corrections.last(queued.document, doubt.field, doubt.key),
        reading=Reading.of(values[0]) if values else None,
        others=[Reading.of(value) for value in values[1 : 1 + MOST_OTHERS]],
        crop=_crop(tools, document, doubt.page or 1, boxes),
    )


def _values(tools: Tools, queued: Queued) -> list[FieldValue]:
    """What the machine read: the value that is doubted, and the others where a field has one true value."""
    if queued.doubt.field == PAGE:
        return []
    values = list(getattr(record_of(tools, tools.catalog.document(queued.document)), queued.doubt.field).values)
    if queued.doubt.field in SINGLE_FIELDS:
        return values
    return [value for value in values if value_key(queued.doubt.field, value) == queued.doubt.key][:1]


def _crop(tools: Tools, document: Document, number: int, boxes: Sequence[BoxTuple]) -> Crop | None:
    try:
        return crop_of(page_image(tools, document.sha256, number), boxes)
    except NotFound:  # a page that was never rendered
        return None


def _counts(counts: dict[Rank, int]) -> dict[str, int]:
    return {rank.name.lower(): count for rank, count in counts.items()}


def _cursor(at: Position) -> str:
    rank, certainty, document, position = at
    return f"{rank}_{certainty!r}_{position}_{document}"


def _position(cursor: str) -> Position | None:
    """Where a cursor points; None for one that is none of ours, which begins at the beginning."""
    match = CURSOR.fullmatch(cursor)
    return (int(match[1]), float(match[2]), match[4], int(match[3])) if match else None


def _before(cursor: str) -> str:
    """A cursor from which the next one is the value after this: when this one leaves the queue, the document's others
    move up."""
    at = _position(cursor)
    return _cursor((*at[:3], at[3] - 1)) if at else ""


def _address(asked: Asked) -> str:
    given = [("matter", matter) for matter in asked.matter] + ([("after", asked.after)] if asked.after else [])
    return "/review" + (f"?{urlencode(given)}" if given else "")
