"""How many calls run at once, and when nobody is asked any more."""

import threading

import pytest

from pipeline.frontier.pacing import Breaker, Pace


def limits(kind: str, left: object, limit: object = 100) -> dict[str, str]:
    return {
        f"anthropic-ratelimit-{kind}-limit": str(limit),
        f"anthropic-ratelimit-{kind}-remaining": str(left),
    }


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, 8),
        (limits("requests", 51), 8),
        (limits("requests", 50), 4),
        (limits("requests", 10), 1),
        (limits("requests", 0), 1),
        (limits("input-tokens", 20) | limits("requests", 90), 4),
        (limits("output-tokens", 5) | limits("tokens", 90), 1),
        (limits("requests", "many"), 8),
        (limits("requests", 5, 0), 8),
        (limits("requests", "nan"), 8),
        (limits("requests", -5), 1),
        ({"anthropic-ratelimit-requests-remaining": "0"}, 8),
    ],
    ids=str,
)
def test_concurrency_follows_the_scarcest_limit(headers, allowed):
    """Half of a limit left halves the calls, a tenth makes them one at a time; nonsense and silence change nothing."""
    pace = Pace(8)
    pace.learn(headers)
    assert pace.allowed == allowed


def test_a_rate_limit_slows_down_until_an_answer_says_that_more_is_left():
    """After a 429 one call runs at a time; the next answer's headers set the pace again."""
    pace = Pace(8)
    pace.slow()
    assert pace.allowed == 1
    pace.learn(limits("requests", 90))
    assert pace.allowed == 8


def test_no_more_calls_run_than_are_allowed():
    """Callers wait for a turn, and a turn is given back when the body raises."""
    pace, running, most = Pace(2), 0, 0
    lock, go = threading.Lock(), threading.Event()

    def call() -> None:
        nonlocal running, most
        try:
            with pace.slot():
                with lock:
                    running += 1
                    most = max(most, running)
                go.wait(5)
                with lock:
                    running -= 1
                raise RuntimeError
        except RuntimeError:
            pass

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(5)
    assert most <= 2 and running == 0
    with pace.slot():
        assert pace.allowed == 2


def test_the_breaker_opens_after_failures_in_a_row_and_tries_one_call_after_a_rest():
    """Half-open: after the rest one caller may ask; the others wait for how it goes."""
    now = 0.0
    breaker = Breaker(failures=3, rest=60, clock=lambda: now)
    for _ in range(2):
        breaker.failed()
    assert breaker.closed()
    breaker.failed()
    assert not breaker.closed()
    now = 59.9
    assert not breaker.closed()
    now = 60.0
    assert breaker.closed() and not breaker.closed()
    breaker.failed()
    now = 119.9
    assert not breaker.closed()
    now = 120.0
    assert breaker.closed()
    breaker.succeeded()
    assert breaker.closed() and breaker.closed()


def test_an_answer_between_failures_keeps_the_breaker_closed():
    """Only failures in a row open it."""
    breaker = Breaker(failures=2, clock=lambda: 0.0)
    for _ in range(5):
        breaker.failed()
        breaker.succeeded()
    assert breaker.closed()
