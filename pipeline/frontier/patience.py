"""One SDK call around batches and files, tried again where the retry policy says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pipeline.errors import NotAllowed
from pipeline.frontier import retry
from pipeline.frontier.sdk import failure_of, unsent

if TYPE_CHECKING:
    from anthropic import APIStatusError

__all__ = ["patient", "refused"]

T = TypeVar("T")


def patient(call: Callable[[], T], *, again: bool = True, sleep: Callable[[float], None] = time.sleep) -> T:
    """What the call brings; its last error when the policy gives up.

    `again` False: a call that must not be carried out twice is repeated only when it was certainly not carried out.
    """
    from anthropic import APIConnectionError, APIStatusError

    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except APIStatusError as error:
            decision = retry.decide(failure_of(error), attempt)
            if decision.next != "retry" or not (again or refused(error)):
                raise
        except APIConnectionError as error:
            decision = retry.decide(retry.Failure(None, {}), attempt)
            stopped_here = isinstance(error.__cause__, NotAllowed)
            if decision.next != "retry" or stopped_here or not (again or unsent(error)):
                raise
        sleep(decision.wait)


def refused(error: APIStatusError) -> bool:
    """Whether nothing was carried out: the request was turned away, not begun and broken off."""
    return error.status_code < 500 or error.status_code == 529
