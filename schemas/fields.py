"""The building blocks of a record: a value, the passage that proves it, and how far it may be relied on."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["BoxTuple", "Entry", "Evidence", "FieldValue", "Status", "Strict"]

Status = Literal["verified", "unverified", "absent", "unreadable"]
"""`verified`: the quote stands in the page's visible words, the value stands in the quote, no other value
contradicts it, and what read it is known to be right nearly always.
`absent`: the pages were read and nothing of the kind was found. `unreadable`: it could not be read, so
nothing is known. The last two are answers, never blanks to be filled by a guess."""

BoxTuple = tuple[float, float, float, float]
"""(left, top, right, bottom) in fractions of the upright page image, origin top left."""


class Strict(BaseModel):
    """Frozen, and refuses keys it does not know: the base of every model here."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(Strict):
    """Where a value stands: the page (from 1), the words verbatim, and one box a line of them."""

    page: int = Field(ge=1)
    quote: str
    boxes: tuple[BoxTuple, ...] = ()


class FieldValue(Strict):
    """One value with its proof.

    `raw` is as printed, `value` normalised (ISO date, "USD 1250.00", canonical name) or "" when it can't
    be. `confidence` is 0..1; `extractor` names who read it, several joined by " + " when they agree.
    `doubt` says why a value that was read is not `verified`; `derived` how one that stands on no page was
    computed, and then `evidence` shows all that it follows from.
    """

    raw: str
    value: str
    evidence: tuple[Evidence, ...]
    status: Status
    confidence: float = Field(ge=0, le=1)
    extractor: str
    doubt: str = ""
    derived: str = ""


ValueT = TypeVar("ValueT", bound=FieldValue)


class Entry(Strict, Generic[ValueT]):
    """All that is known of one field of a document: its values, best first, and the field's own status.

    The status is that of the best value; without values it is `absent` or `unreadable`. `conflict` says
    that a field which can have one value only was read with several: all are kept, each with its evidence.
    """

    status: Status = "absent"
    values: tuple[ValueT, ...] = ()
    conflict: bool = False

    @property
    def best(self) -> ValueT | None:
        """The value to show first, or None."""
        return self.values[0] if self.values else None
