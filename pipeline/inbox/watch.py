"""The watcher: what is dropped into the inbox becomes documents, once each, whatever happens in between.

    inbox ── stands still, opens whole ──► spool ── stands still again ──► store and catalog ──► gone from the spool
                    └── does not, for too long ────────────┴──► there, too, and with the reason in inbox/_held

It polls, because network shares tell nobody what happens on them. Any step can be cut short by a kill: a file is in
the inbox, in the spool, or in store and catalog, and what is then done twice gives the same documents.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.claims import sole
from pipeline.errors import AlreadyRunning, MunimentError, Stopped
from pipeline.inbox.holding import Refusal, hold, write_reason
from pipeline.inbox.receive import Drop, Received, receive, take_in
from pipeline.inbox.settle import Fault, Stamp, Verdict, Waits
from pipeline.inbox.sights import Place, Sights
from pipeline.inbox.space import PAUSED, Space
from pipeline.inbox.spool import Entry, Spool
from pipeline.intake import Incoming, drops
from pipeline.store import private_folder
from pipeline.types import Document

if TYPE_CHECKING:
    from pipeline.inbox.whole import Look
    from pipeline.wiring import Tools

__all__ = ["Watcher"]

OnTaken = Callable[[Sequence[Document]], None]
Say = Callable[[str], None]


class Watcher:
    """Takes in what is dropped; `on_taken` is given the documents that are there to be worked off, `say` a line a file.

    Lines name documents by their ids: they end up in logs.
    """

    def __init__(
        self, tools: Tools, on_taken: OnTaken = lambda documents: None, say: Callable[[str], None] = print
    ) -> None:
        settings = tools.settings
        self._tools, self._on_taken, self._say = tools, on_taken, say
        self._inbox = settings.inbox_dir
        self._waits = Waits(settings.settle_seconds, settings.patience_seconds)
        self._spool = Spool(settings.root / "spool")
        self._space = Space([settings.root, tools.store.root], settings.min_free_mb)
        self._dropped, self._claimed = (Sights(tools, self._spool.root) for _ in range(2))
        self._odd: dict[Incoming, float] = {}
        self._trouble = ""
        self._paused: str | None = None
        self._stop = threading.Event()
        self._counts = {"taken": 0, "new": 0, "held": 0}

    @property
    def stopped(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    @property
    def counts(self) -> dict[str, int]:
        """Documents taken in so far, how many of them were new, and files held."""
        return dict(self._counts)

    def stop(self) -> None:
        """End soon: after the file that is being taken in. May be called from a signal handler or another thread."""
        self._stop.set()

    def run(self, *, once: bool = False) -> None:
        """Watch until stopped; with `once` until nothing in the inbox can be taken any more, or nothing may be.

        `AlreadyRunning` when another watcher is at work on this home.
        """
        with sole(self._tools.locks, "watch") as here:
            if not here:
                raise AlreadyRunning("another watcher is at work on this home")
            if not self._tools.settings.inbox:
                private_folder(self._inbox)  # one that was configured may be a share that is not mounted yet
            while not self._stop.is_set():
                moving = self.step()
                if once and not moving:
                    return
                self._stop.wait(self._tools.settings.poll_seconds)

    def step(self) -> bool:
        """One poll; whether anything is still under way."""
        try:
            if self._is_full():
                return False
            return self._take_claimed() | self._claim_dropped()
        except (MunimentError, OSError) as error:
            self._complain(error)
            return not self._stop.is_set()

    def _is_full(self) -> bool:
        shortage = self._space.shortage()
        if bool(shortage) != bool(self._paused) or self._paused is None:
            if shortage or self._paused:
                self._say(f"nothing is taken in: {shortage}" if shortage else "files are taken in again")
            self._paused = shortage
            self._tools.catalog.set_meta(PAUSED, shortage)
        return bool(shortage)

    # ---- from the inbox to the spool

    def _claim_dropped(self) -> bool:
        found = list(drops(self._inbox, self._tools.settings.matter))
        files = {str(incoming.path): incoming for incoming in found if not incoming.problem}
        places = [place for incoming in files.values() if (place := self._place(incoming))]
        for sight in self._dropped.judge(places):
            if sight.verdict in (Verdict.TAKE, Verdict.REFUSE):
                self._each(self._claim, files[sight.place.key], sight.verdict is Verdict.REFUSE)
        return bool(files) | self._refuse_odd([incoming for incoming in found if incoming.problem])

    def _place(self, incoming: Incoming) -> Place | None:
        try:
            state = os.lstat(incoming.path)
        except OSError:  # gone already, or its folder is
            return None
        path = incoming.path.relative_to(incoming.root)
        return Place(str(incoming.path), incoming.root, path, Stamp.of(state), self._waits)

    def _claim(self, incoming: Incoming, refused: bool) -> None:
        self._spool.claim(incoming, refused=refused)

    def _refuse_odd(self, found: Sequence[Incoming]) -> bool:
        """What is no file of a matter (a link, a device, a folder that can't be read): registered once, and moved to
        `_held` if it can be moved; whether any of it is waited for."""
        self._odd = {one: self._odd.get(one, time.monotonic()) for one in found}
        due = [one for one, since in self._odd.items() if time.monotonic() - since >= self._waits.settle]
        for incoming in due:
            self._each(self._refuse_one, incoming)
            self._odd[incoming] = math.inf
        return any(since < math.inf for since in self._odd.values())

    def _refuse_one(self, incoming: Incoming) -> None:
        document, _ = take_in(incoming, self._tools)
        refusal = Refusal(incoming.matter, incoming.path, document.reason, document.id, document.id)
        if incoming.path.is_dir() and not incoming.path.is_symlink():
            write_reason(refusal, self._inbox)
        else:
            hold(refusal, incoming.root, incoming.path.relative_to(incoming.root), self._inbox)
        self._held(document.id, document.reason)

    def _held(self, document: str, reason: str) -> None:
        self._counts["held"] += 1
        self._say(f"held {document}: {reason}")

    # ---- from the spool to store and catalog

    def _take_claimed(self) -> bool:
        entries = {entry.token: entry for entry in self._spool.entries()}
        places = []
        for entry in entries.values():
            if stamp := self._spool.stamp(entry):
                waits = self._waits_of(entry)
                places.append(Place(entry.token, *self._spool.place(entry), stamp, waits, not entry.away))
        for sight in self._claimed.judge(places):
            if sight.look and sight.verdict in (Verdict.TAKE, Verdict.REFUSE):
                self._each(self._take, entries[sight.place.key], sight.place.stamp, sight.look)
        return bool(places)

    def _waits_of(self, entry: Entry) -> Waits:
        """Patience with a file that was refused in the inbox is at its end."""
        return Waits(self._waits.settle, self._waits.settle) if entry.refused else self._waits

    def _take(self, entry: Entry, stamp: Stamp, look: Look) -> None:
        """All of an entry, if it is still the file that was looked into: else it has to stand still again."""
        try:
            with self._spool.open(entry) as opened:
                sha256 = self._tools.store.put_stream(opened)
        except OSError as error:
            self._take_unread(entry, f"can't be read: {error.strerror or type(error).__name__}")
            return
        if self._spool.stamp(entry) != stamp or not self._spool.agrees(entry, sha256):
            return
        drop = Drop(entry.matter, entry.name, str(entry.source), sha256, look)
        received = receive(drop, self._tools)
        if self._spool.stamp(entry) == stamp and self._is_kept(drop, received):
            self._let_go(entry, received)

    def _is_kept(self, drop: Drop, received: Received) -> bool:
        """False when a deletion took away what was in the store already, before it was named anew: taken once more."""
        return all(sha256 in self._tools.store for sha256 in (drop.sha256, *(d.sha256 for d in received.documents)))

    def _take_unread(self, entry: Entry, reason: str) -> None:
        incoming = Incoming(entry.source, entry.matter, entry.name, Path(entry.root), reason)
        document, new = take_in(incoming, self._tools)
        self._let_go(entry, Received((document,), int(new), Fault(document.status, reason)))

    def _let_go(self, entry: Entry, received: Received) -> None:
        first = received.documents[0]
        if fault := received.fault:
            refusal = Refusal(entry.matter, entry.source, fault.reason, entry.token, first.id, received.advice)
            hold(refusal, *self._spool.place(entry), self._inbox)
            self._held(first.id, fault.reason)
        self._spool.remove(entry)
        if not received.fault:
            self._counts["taken"] += len(received.documents)
            self._counts["new"] += received.new
            known = "" if received.new else " (was here already)"
            self._say(f"taken {', '.join(document.id for document in received.documents)}{known}")
            self._on_taken(received.documents)

    # ---- what goes wrong

    def _each(self, work: Callable[..., None], *arguments: object) -> None:
        """One file's trouble is not the next one's."""
        if self._stop.is_set():
            return
        try:
            work(*arguments)
        except (MunimentError, OSError) as error:
            self._complain(error)

    def _complain(self, error: MunimentError | OSError) -> None:
        """Once, not with every poll."""
        if isinstance(error, Stopped):
            self._stop.set()
            return
        text = str(error) if isinstance(error, MunimentError) else error.strerror or type(error).__name__
        if text != self._trouble:
            self._trouble = text
            self._say(f"tried again: {text}")
