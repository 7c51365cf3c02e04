"""How many calls at once, and when to stop asking: the rate-limit headers set the pace, a breaker ends an outage."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Breaker", "Pace"]

LOW = 0.1  # share of a limit left from which calls are made one at a time
HALF = 0.5  # and from which half of them run
KINDS = ("requests", "tokens", "input-tokens", "output-tokens")


@dataclass
class Pace:
    """At most `most` calls at once; fewer as the destination's rate limits run low. Safe between threads.

    The headers are `anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining}`; a server
    that sends none is asked with all `most` calls.
    """

    most: int
    _allowed: int = field(init=False)
    _running: int = field(init=False, default=0)
    _turn: threading.Condition = field(init=False, default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._allowed = self.most

    @property
    def allowed(self) -> int:
        """Calls that may run at once now."""
        return self._allowed

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a turn, and hold it while the body runs."""
        with self._turn:
            self._turn.wait_for(lambda: self._running < self._allowed)
            self._running += 1
        try:
            yield
        finally:
            with self._turn:
                self._running -= 1
                self._turn.notify_all()

    def learn(self, headers: Mapping[str, str]) -> None:
        """Set the pace by what the last answer said is left."""
        left = min((share for kind in KINDS if (share := _share(headers, kind)) is not None), default=1.0)
        allowed = 1 if left <= LOW else max(1, self.most // 2) if left <= HALF else self.most
        with self._turn:
            self._allowed = allowed
            self._turn.notify_all()

    def slow(self) -> None:
        """After a rate limit: one call at a time until an answer says that more is left."""
        with self._turn:
            self._allowed = 1


@dataclass
class Breaker:
    """Opens after `failures` calls in a row that brought no answer: in an outage pages wait, and nobody is asked
    again and again. After `rest` seconds one call may try."""

    failures: int = 5
    rest: float = 120.0
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _row: int = field(init=False, default=0)
    _opened: float | None = field(init=False, default=None)

    def closed(self) -> bool:
        """Whether a call may be made now. After the rest the first to ask may, the others wait for how it goes."""
        with self._lock:
            if self._opened is None:
                return True
            if self.clock() - self._opened < self.rest:
                return False
            self._opened = self.clock()
            return True

    def succeeded(self) -> None:
        """An answer came, whatever it said."""
        with self._lock:
            self._row, self._opened = 0, None

    def failed(self) -> None:
        """No answer came, or the destination said that it can't answer anybody."""
        with self._lock:
            self._row += 1
            if self._row >= self.failures:
                self._opened = self.clock()


def _share(headers: Mapping[str, str], kind: str) -> float | None:
    try:
        limit = float(headers[f"anthropic-ratelimit-{kind}-limit"])
        remaining = float(headers[f"anthropic-ratelimit-{kind}-remaining"])
    except (KeyError, ValueError):
        return None
    return remaining / limit if limit > 0 and math.isfinite(remaining) else None
