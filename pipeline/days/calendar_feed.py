"""Deadlines as an iCalendar feed (RFC 5545): what a calendar program that asks every few hours is given.

An event's UID hangs on its document and the deadline's id, so a day that moves moves in the calendar, too. Days are
all-day events without a time zone. What documents say is escaped and folded by the library; control characters and
direction overrides never reach it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote

from icalendar import Alarm, Calendar, Event

from pipeline.digests import Due
from pipeline.report import clip, plain

__all__ = ["NAMES", "calendar"]

NAMES = {"notice": "Notice by", "renewal": "Renews", "expiry": "Expires", "payment": "Payment"}
"""What each kind of deadline is called."""

LONGEST = 1500  # characters of a description
MARKED = {"conflict": "read in several ways", "unverified": "not verified", "verified": "", "person": ""}


def calendar(dues: Iterable[Due], address: str, now: datetime | None = None, alarm_days: int = 0) -> bytes:
    """The feed of these deadlines, those without a day left out. `address` is where the rooms are served; with
    `alarm_days` each event rings so many days before."""
    feed = Calendar()
    feed.add("prodid", "-//Muniment//deadlines//EN")
    feed.add("version", "2.0")
    feed.add("x-wr-calname", "Muniment deadlines")
    feed.add("refresh-interval", timedelta(hours=6), parameters={"VALUE": "DURATION"})
    stamp = (now or datetime.now(UTC)).replace(microsecond=0)
    for due in dues:
        if due.deadline.due:
            feed.add_component(_event(due, address, stamp, alarm_days))
    written: bytes = feed.to_ical()
    return written


def _event(due: Due, address: str, stamp: datetime, alarm_days: int) -> Event:
    deadline, day = due.deadline, date.fromisoformat(due.deadline.due)
    page = deadline.evidence[0].page if deadline.evidence else 0
    link = f"{address.rstrip('/')}/documents/{quote(due.document, safe='')}" + (f"/pages/{page}" if page else "")
    doubt = f" ({MARKED[deadline.sure]})" if MARKED[deadline.sure] else ""
    summary = f"{NAMES[deadline.kind]}: {clip(due.name, 120)}{doubt}"
    event = Event()
    event.add("uid", f"{due.document}-{deadline.id}@muniment")
    event.add("dtstamp", stamp)
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("summary", summary)
    event.add("description", f"{clip(deadline.rule, LONGEST)}{_amended(due)}\nMatter: {plain(due.matter)}\n{link}")
    event.add("url", link)
    event.add("transp", "TRANSPARENT")
    if alarm_days:
        event.add_component(_alarm(summary, alarm_days))
    return event


def _amended(due: Due) -> str:
    days = ((each.due, clip(each.by, 120), clip(each.rule, LONGEST)) for each in due.moved)
    said = "".join(f"\nBy amendment {name} it would be {day}: {rule}" for day, name, rule in days)
    names = ", ".join(clip(name, 120) for name in due.amended_by)
    return said or (f"\nAmended by {names}: the day may be another." if names else "")


def _alarm(summary: str, days: int) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", timedelta(days=-days))
    return alarm
