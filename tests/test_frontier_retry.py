"""The retry policy as a table: status, headers and attempt to what happens next."""

import pytest

from pipeline.frontier.retry import ATTEMPTS, Failure, decide, spent

AFTER = "retry-after"
LIMIT = "rate_limit_error"
SPEND = "You have reached your specified API usage limits. You will regain access on 2026-12-01."


@pytest.mark.parametrize(
    ("failure", "attempt", "following", "wait"),
    [
        (Failure(None, {}), 1, "retry", 1.0),
        (Failure(None, {}), 3, "retry", 4.0),
        (Failure(None, {}), ATTEMPTS, "defer", 0.0),
        (Failure(200, {}), 1, "retry", 1.0),
        (Failure(200, {}), ATTEMPTS, "defer", 0.0),
        (Failure(429, {AFTER: "7"}, LIMIT), 1, "retry", 7.0),
        (Failure(429, {AFTER: "7"}, LIMIT), ATTEMPTS, "defer", 0.0),
        (Failure(429, {AFTER: "60"}, LIMIT), 1, "retry", 60.0),
        (Failure(429, {AFTER: "60.5"}, LIMIT), 1, "defer", 0.0),
        (Failure(429, {AFTER: "1e400"}, LIMIT), 1, "defer", 0.0),
        (Failure(429, {AFTER: "-5"}, LIMIT), 1, "retry", 0.0),
        (Failure(429, {AFTER: "nan"}, LIMIT), 2, "retry", 2.0),
        (Failure(429, {AFTER: "Wed, 21 Oct 2026 07:28:00 GMT"}, LIMIT), 1, "retry", 1.0),
        (Failure(429, {"retry-after-ms": "250"}, LIMIT), 1, "retry", 0.25),
        (Failure(429, {"retry-after-ms": "250", AFTER: "9"}, LIMIT), 1, "retry", 0.25),
        (Failure(429, {"retry-after-ms": "soon", AFTER: "9"}, LIMIT), 1, "retry", 9.0),
        (Failure(429, {"retry-after-ms": "61000"}, LIMIT), 1, "defer", 0.0),
        (Failure(429, {}, LIMIT), 1, "stop", 0.0),
        (Failure(429, {}), 1, "retry", 1.0),
        (Failure(429, {AFTER: "9"}, LIMIT, "You have reached your API usage limits"), 1, "stop", 0.0),
        (Failure(429, {AFTER: "9"}, LIMIT, code="enforced_spend_limit_reached"), 1, "stop", 0.0),
        (Failure(429, {AFTER: "9"}, LIMIT, code="ramp_limit_exceeded"), 1, "retry", 9.0),
        (Failure(529, {}, "overloaded_error"), 1, "retry", 1.0),
        (Failure(529, {AFTER: "3"}, "overloaded_error"), 2, "retry", 3.0),
        (Failure(529, {}, "overloaded_error"), ATTEMPTS, "defer", 0.0),
        (Failure(500, {}), 1, "retry", 1.0),
        (Failure(503, {AFTER: "120"}), 1, "defer", 0.0),
        (Failure(408, {}), 1, "retry", 1.0),
        (Failure(409, {}), 1, "retry", 1.0),
        (Failure(501, {}), 1, "stop", 0.0),
        (Failure(302, {}), 1, "stop", 0.0),
        (Failure(401, {}), 1, "stop", 0.0),
        (Failure(402, {}), 1, "stop", 0.0),
        (Failure(403, {}), 1, "stop", 0.0),
        (Failure(404, {}), 1, "stop", 0.0),
        (Failure(405, {}), 1, "stop", 0.0),
        (Failure(400, {}, "invalid_request_error", SPEND), 1, "stop", 0.0),
        (Failure(400, {}, "invalid_request_error", "Your credit balance is too low"), 1, "stop", 0.0),
        (Failure(400, {}, "invalid_request_error", code="contract_spend_limit_reached"), 1, "stop", 0.0),
        (Failure(400, {}, "invalid_request_error", "max_tokens: too large"), 1, "fail", 0.0),
        (Failure(413, {}, "request_too_large"), 1, "fail", 0.0),
        (Failure(422, {}), 1, "fail", 0.0),
    ],
    ids=lambda value: (
        f"{value.status} {dict(value.headers)} {value.code}" if isinstance(value, Failure) else str(value)
    ),
)
def test_what_follows_a_failure(failure, attempt, following, wait):
    """What passes is retried after the time asked for, an outage defers, an account that may not stops, a wrong
    request fails; each with a reason."""
    decision = decide(failure, attempt)
    assert (decision.next, decision.wait) == (following, wait) and decision.reason


def test_a_reason_never_repeats_what_the_server_said():
    """A server may echo the page in its message: no reason holds a word of it."""
    for status in (400, 413, 429, 500):
        assert "kangaroo" not in decide(Failure(status, {}, "api_error", "kangaroo mural"), 1).reason


def test_a_spent_account_is_told_from_a_wrong_request():
    """Status, wording or error code say so; the same words with another status don't."""
    assert spent(Failure(402, {})) and spent(Failure(400, {}, message=SPEND))
    assert not spent(Failure(500, {}, message=SPEND)) and not spent(Failure(400, {}, message="billing".upper()[:3]))
