"""What people said of a document's values: its history, new words from other rooms, and all of it as a golden set."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from pipeline.corrections import Correction
from pipeline.golden import golden_lines
from pipeline.rulings import rule
from pipeline.web.guard import Caller, Office, Posted, Visible, Who
from pipeline.web.readings import Reading
from pipeline.web.review import Made, Said
from pipeline.wiring import Tools

__all__ = ["room"]

room = APIRouter(tags=["corrections"])

JSON_LINES = "application/jsonl"
NAMED = {"content-disposition": 'attachment; filename="golden.jsonl"'}


class Spoken(Made):
    """A correction as it was kept: `raw` as written, the page (0: not said), what the machine had read, and the
    correction it supersedes (0: none)."""

    raw: str
    page: int
    made_on: int
    machine: Reading | None

    @classmethod
    def of(cls, said: Correction) -> Spoken:
        """From what the pipeline keeps."""
        kept = {name: getattr(said, name) for name in cls.model_fields if name != "machine"}
        return cls(**kept, machine=Reading.of(said.machine) if said.machine else None)


class Spoke(Said):
    """What a form of the document's own page says of one of its values."""

    document: str = ""
    csrf: str = ""


@room.post("/documents/{document}/corrections")
def say(document: Visible, said: Annotated[Spoke, Form()], tools: Office, caller: Posted) -> Response:
    """Keep what the person says of a value, and go back to the document."""
    rule(tools, document, said.ruling, caller.name)
    return RedirectResponse(f"/documents/{document.id}", 303)


@room.get("/api/documents/{document}/corrections")
def history(document: Visible, tools: Office) -> list[Spoken]:
    """Everything people said of the document's values, oldest first; a withdrawn word stays."""
    return [Spoken.of(each) for each in tools.corrections.history(document.id)]


@room.get("/corrections/golden.jsonl", response_class=Response)
def golden_file(tools: Office, caller: Who) -> Response:
    """The golden set of the caller's matters, to keep as a file."""
    return Response(_golden(tools, caller), media_type=JSON_LINES, headers=NAMED)


@room.get("/api/corrections/golden", response_class=Response)
def golden(tools: Office, caller: Who) -> Response:
    """The golden set of the caller's matters, a JSON line a document, as `muniment evaluate extraction` reads it."""
    return Response(_golden(tools, caller), media_type=JSON_LINES)


def _golden(tools: Tools, caller: Caller) -> bytes:
    tools.audit.record(caller.name, "export", "golden set", {"matters": list(caller.matters)})
    return "".join(f"{line}\n" for line in golden_lines(tools, caller.matters)).encode(errors="replace")
