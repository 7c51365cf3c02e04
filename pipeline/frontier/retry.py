"""What to do after a failed call: a pure decision over status, headers and error type.

The SDK's own retries are off: it obeys any `retry-after`, and a spend limit (400) or a tier's cap (429 without
`retry-after`) would be asked again and again although only a person or the next day can help.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["ATTEMPTS", "LONGEST", "REFUSING", "Decision", "Failure", "decide", "spent"]

LONGEST = 60.0  # seconds a retry-after is obeyed for; a longer one is an outage, and the page waits for the next run
ATTEMPTS = 4
RETRY_AFTER = {"retry-after", "retry-after-ms"}
FIRST = 1.0  # seconds before the first retry without a retry-after; doubled each time
SPENT = ("spend limit", "credit balance", "billing", "usage limit", "spending limit")
REFUSING = (400, 404, 422, 501)
"""How a server answers what it can't do; also what it answers a wrong request, an unknown model or a spent account."""

FINAL = {
    401: "the destination refuses the key",
    403: "the destination refuses the key",
    404: "the destination does not know the model or the address",
    405: "what answers at the address does not speak the Messages protocol",
    501: "what answers at the address does not speak the Messages protocol",
}

Next = Literal["retry", "defer", "stop", "fail"]
"""retry: the same call again after `wait`. defer: the page waits for a later run. stop: so do all others, because
the destination refuses this account. fail: this request is wrong and always will be."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that brought no message. `status` is None when no answer came (reset, timeout) and 200 for one that makes
    no sense; header names are lower case; `kind` is the error's `type`, `code` its `error_code`; `message` is read
    only to tell a spend limit, never logged."""

    status: int | None
    headers: Mapping[str, str]
    kind: str = ""
    message: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do next, after how many seconds, and why in words a person can act on."""

    next: Next
    reason: str
    wait: float = 0.0


def decide(failure: Failure, attempt: int) -> Decision:
    """What follows attempt number `attempt` (from 1)."""
    status = failure.status
    if status is None:
        return _again(failure, attempt, "no answer came")
    if status < 300:
        return _again(failure, attempt, "the answer makes no sense")
    if reason := _final(failure, status):
        return Decision("stop", reason)
    if status == 429:
        return _again(failure, attempt, "the rate limit is reached (429)")
    if status in (408, 409) or status >= 500:
        return _again(failure, attempt, "the destination is overloaded (529)" if status == 529 else f"error {status}")
    what = "the request is too large for the destination" if status == 413 else "the destination refused the request"
    return Decision("fail", f"{what} ({status} {failure.kind})".replace(" )", ")"))


def _final(failure: Failure, status: int) -> str:
    """Why no call of this account can succeed before a person acts or the day ends; "" when some may."""
    if status < 400:
        return f"the address leads elsewhere ({status}): set MUNIMENT_FRONTIER_URL to where it leads"
    if reason := FINAL.get(status):
        return f"{reason} ({status})"
    if spent(failure):
        return f"the account's spend limit is reached ({status})"
    # A server of the firm's own, or a proxy before it, may leave the header out; it doesn't name this kind of error.
    if status == 429 and failure.kind == "rate_limit_error" and not RETRY_AFTER & failure.headers.keys():
        return "the account's cap is reached (429 without retry-after)"
    return ""


def spent(failure: Failure) -> bool:
    """Whether the account may not spend more, whatever the request."""
    said = failure.message.casefold()
    worded = failure.status in (400, 429) and any(word in said for word in SPENT)
    return failure.status == 402 or worded or failure.code.endswith("spend_limit_reached")


def _again(failure: Failure, attempt: int, reason: str) -> Decision:
    asked = _asked(failure.headers)
    if asked is not None and asked > LONGEST:
        return Decision("defer", f"{reason}; it asks to wait {asked:.0f} s")
    if attempt >= ATTEMPTS:
        return Decision("defer", f"{reason}, {attempt} times")
    return Decision("retry", reason, asked if asked is not None else FIRST * 2 ** (attempt - 1))


def _asked(headers: Mapping[str, str]) -> float | None:
    """The seconds asked for, never negative; None when nothing usable is said. Dates are not sent by any known
    server and count as nothing said."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / unit
        except (KeyError, ValueError):
            continue
        if not math.isnan(seconds):
            return max(seconds, 0.0)
    return None
