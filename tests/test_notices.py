"""The outbox: told once, sent when it can be, gathered where many come, names kept here unless they may leave."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from databases import Clock
from receivers import Posts, post_server
from sqlalchemy import select

from pipeline.database import Database
from pipeline.errors import NotSent
from pipeline.settings import Settings, load_settings
from pipeline.tables import notices
from pipeline.telling.notices import GIVEN_UP, QUIET, Message, Notice, Outbox, channels, deliver, tell
from pipeline.wiring import Tools

HELD = Notice("held", "1 held document", ["matter acme: 1: 0a1b2c"], ["secret-merger.pdf [0a1b2c]: held: cut short"])


class Way:
    """A way out that remembers what went, and fails as often as told."""

    def __init__(self, fails: int = 0) -> None:
        self.sent: list[Message] = []
        self.fails = fails

    def __call__(self, _settings: Settings, message: Message) -> None:
        if self.fails:
            self.fails -= 1
            raise NotSent("nobody there")
        self.sent.append(message)


@pytest.fixture
def posts() -> Iterator[Posts]:
    with post_server() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(database: Database, clock: Clock, tmp_path: Path) -> Outbox:
    return Outbox(database, load_settings(home=tmp_path, webhook_url="http://127.0.0.1:9/"), clock)


def test_a_notice_is_told_once(outbox: Outbox) -> None:
    """Put again, it is known; sent, it is not due any more."""
    way = Way()
    assert outbox.put(Notice("budget", "run 3 stopped", key="budget 3"))
    assert not outbox.put(Notice("budget", "run 3 stopped, said otherwise", key="budget 3"))
    outbox.deliver({"webhook": way})
    outbox.deliver({"webhook": way})
    assert [message.title for message in way.sent] == ["run 3 stopped"]
    assert outbox.unsent() == 0


def test_what_can_not_be_sent_is_tried_again_later_and_given_up_in_the_end(outbox: Outbox, clock: Clock) -> None:
    """Each failure doubles the wait, with one id for all tries; after some days nobody would want it any more."""
    way = Way(fails=2)
    outbox.put(Notice("disk", "full"))
    outbox.deliver({"webhook": way})
    outbox.deliver({"webhook": way})  # not due yet
    assert (way.fails, outbox.unsent()) == (1, 1)
    clock.now += 61
    outbox.deliver({"webhook": way})
    assert (way.fails, way.sent) == (0, [])
    clock.now += 61
    outbox.deliver({"webhook": way})
    assert way.sent == []  # the second wait is longer
    clock.now += 61
    outbox.deliver({"webhook": way})
    assert [message.title for message in way.sent] == ["full"]
    outbox.put(Notice("disk", "full again"))
    clock.now += GIVEN_UP + 1
    outbox.deliver({"webhook": Way(fails=1)})
    assert outbox.unsent() == 0 and outbox.listed(1)[0].sent is None


def test_held_files_that_come_in_numbers_go_out_as_one(outbox: Outbox, clock: Clock) -> None:
    """The first goes at once, those of the next minutes together; other kinds do not wait for them."""
    way = Way()
    outbox.put(Notice("held", "scan-1 refused"))
    outbox.deliver({"webhook": way})
    for number in range(2, 102):
        outbox.put(Notice("held", f"scan-{number} refused"))
    outbox.put(Notice("disk", "full"))
    clock.now += 1
    outbox.deliver({"webhook": way})
    assert [message.kind for message in way.sent] == ["held", "disk"]
    clock.now += QUIET
    outbox.deliver({"webhook": way})
    [gathered] = way.sent[2:]
    assert gathered.title.startswith("100 notices: scan-2 refused")
    assert gathered.lines[:2] == ("scan-2 refused", "scan-3 refused") and "60 lines more" in gathered.lines[-1]


def test_two_senders_at_once_send_it_once(outbox: Outbox) -> None:
    """While one is sending, the other finds nothing due."""
    other = Way()

    def send(_settings: Settings, _message: Message) -> None:
        outbox.deliver({"webhook": other})

    outbox.put(Notice("night", "missed"))
    outbox.deliver({"webhook": send})
    assert other.sent == [] and outbox.unsent() == 0


def test_names_stay_here_unless_they_may_leave(home: Path, posts: Posts) -> None:
    """By default ids, counts and the matter; with MUNIMENT_NOTICE_NAMES also file names and reasons, and a link where
    the web application's address is known."""
    for allowed in (False, True):
        tools = Tools(load_settings(home=home / str(allowed), webhook_url=posts.url, notice_names=allowed,
                                    public_url="https://contracts.firm.example/"))  # fmt: skip
        tell(tools, HELD)
        with tools.catalog.database.read() as connection:  # what left is not kept longer than the document may be
            assert "merger" not in connection.execute(select(notices.c.body)).scalar_one()
        tools.close()
    here, there = (json.loads(body) for _, body in posts.got)
    assert here["lines"] == ["matter acme: 1: 0a1b2c"] and "merger" not in str(posts.got[0])
    assert there["lines"][1] == HELD.names[0]
    assert here["link"] == "https://contracts.firm.example/operations"


def test_without_a_way_out_it_is_written_down(home: Path) -> None:
    """Nothing is sent or due, and the list still says what people would have been told."""
    tools = Tools(load_settings())
    tell(tools, HELD)
    outbox = Outbox(tools.catalog.database, tools.settings)
    assert channels(tools.settings) == {} and outbox.unsent() == 0
    assert [(told.kind, told.channel, told.sent) for told in outbox.listed()] == [("held", "", None)]
    tools.close()


def test_telling_never_fails_who_tells(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A catalog that can't be opened is an error in the log, without a word of the notice's names."""
    tools = Tools(load_settings(database_url="postgresql+psycopg://nobody@127.0.0.1:9/none"))
    tell(tools, HELD)
    deliver(tools)
    assert "could not be written down" in caplog.text and "merger" not in caplog.text
    tools.close()
