"""Whether a person who is no programmer can make something of a reason."""

from __future__ import annotations

import re

__all__ = ["readable"]

# The name of an exception, a place in the code, an address, bytes that are no text.
PROGRAMMERS = re.compile(r"\w(Error|Exception)\b|\.py\b|Traceback|0x[0-9a-f]{4}|[^\x20-\x7e\u00a0-\uffff]")
LONGEST = 1000


def readable(reason: str) -> bool:
    """Whether the reason says something, on one line of printable text without a programmer's words."""
    return bool(reason.strip()) and len(reason) <= LONGEST and not PROGRAMMERS.search(reason)
