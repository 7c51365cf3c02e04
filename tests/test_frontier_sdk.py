"""The SDK's errors in our terms."""

import httpx2
import pytest
from anthropic import APIConnectionError, APIResponseValidationError, APIStatusError

from pipeline.errors import FrontierStopped, FrontierUnavailable, NotAllowed
from pipeline.frontier.patience import patient
from pipeline.frontier.sdk import failure_of, translated, unsent

REQUEST = httpx2.Request("POST", "http://127.0.0.1:9/v1/messages")


def refused(status: int, body: object = None, headers: dict[str, str] | None = None) -> APIStatusError:
    return APIStatusError("no", response=httpx2.Response(status, headers=headers, request=REQUEST), body=body)


def broken(cause: BaseException) -> APIConnectionError:
    error = APIConnectionError(request=REQUEST)
    error.__cause__ = cause
    return error


def test_a_refusal_keeps_what_the_policy_decides_on():
    """Status, headers by their names in lower case, type, message and code."""
    said = {"error": {"type": "rate_limit_error", "message": "m", "details": {"error_code": "ramp_limit_exceeded"}}}
    failure = failure_of(refused(429, said, {"Retry-After": "5"}))
    assert (failure.status, failure.kind, failure.message) == (429, "rate_limit_error", "m")
    assert failure.headers["retry-after"] == "5" and failure.code == "ramp_limit_exceeded"


@pytest.mark.parametrize(
    "body",
    [None, "text", [], {"error": None}, {"error": {"type": ["a"], "message": {}}}, {"error": {"type": "x" * 999}}],
    ids=str,
)
def test_a_refusal_of_any_shape_is_a_failure(body):
    """A proxy answers what it likes: the status alone counts, and nothing else is taken for a name."""
    failure = failure_of(refused(502, body))
    assert (failure.status, failure.kind) == (502, "")


def test_what_never_connected_was_never_sent():
    """No connection came about: it can't have arrived. A broken or timed out one may have."""
    assert unsent(broken(httpx2.ConnectError("refused"))) and unsent(broken(httpx2.ConnectTimeout("slow")))
    assert not unsent(broken(httpx2.ReadTimeout("slow"))) and not unsent(broken(httpx2.RemoteProtocolError("gone")))


def test_what_was_never_sent_may_be_sent_again():
    """A call that must not be carried out twice is repeated when it did not get out, and only then."""
    errors: list[BaseException] = [broken(httpx2.ConnectError("refused")), broken(httpx2.ReadTimeout("slow"))]

    def call() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    with pytest.raises(APIConnectionError):
        patient(call, again=False, sleep=lambda seconds: None)
    assert not errors and patient(call, again=False) == "done"


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (refused(401), FrontierStopped),
        (refused(503), FrontierUnavailable),
        (refused(400), FrontierUnavailable),
        (broken(httpx2.ReadTimeout("slow")), FrontierUnavailable),
        (broken(NotAllowed("kept")), NotAllowed),
        (APIResponseValidationError(httpx2.Response(200, request=REQUEST), None), FrontierUnavailable),
    ],
    ids=["key", "down", "wrong", "silent", "gate", "nonsense"],
)
def test_a_step_that_is_repeated_later_says_whether_a_person_is_needed(error, ours):
    """Stopped where only a person helps, unavailable where the next run may do, and the gate's own refusal as it is."""
    with pytest.raises(ours), translated():
        raise error
