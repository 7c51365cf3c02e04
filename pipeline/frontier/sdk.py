"""The SDK, used bare, and its errors in our terms.

Its retries are off (see `retry.py`), its logger is kept from debugging (it would write whole requests, pages and
all), its tracing is off, and nothing it finds in the environment (address, key, headers) is used in place of the
settings.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import FrontierStopped, FrontierUnavailable, NotAllowed
from pipeline.frontier import retry

if TYPE_CHECKING:
    import httpx2
    from anthropic import Anthropic, APIStatusError

__all__ = ["bare_client", "failure_of", "translated", "unsent"]

CONNECT = 10.0  # seconds to reach the destination
LONGEST_KIND = 60  # characters of an error's type; the protocol's longest has 31


def bare_client(url: str, key: str, seconds: float, inner: httpx2.Client) -> Anthropic:
    """The SDK over this HTTP client; a call may take `seconds`, `key` may be "" for a server without one."""
    import httpx2
    from anthropic import Anthropic

    logging.getLogger("anthropic").setLevel(logging.WARNING)
    client = Anthropic(
        api_key=key or "none",  # without one the SDK would look for a key in the environment
        base_url=url,
        http_client=inner,
        max_retries=0,
        timeout=httpx2.Timeout(seconds, connect=min(CONNECT, seconds)),
        open_telemetry=False,
    )
    client._custom_headers = {}  # those of ANTHROPIC_CUSTOM_HEADERS, which the SDK takes without being asked
    return client


def failure_of(error: APIStatusError) -> retry.Failure:
    """What the retry policy looks at. The body may be anything, and what the server says of the page is no reason to
    write down: a kind that is no plain name is left out."""
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    kind, message, code = str(error.type or ""), str(error.api_message or ""), str(error.error_code or "")
    plain = kind if kind.isidentifier() and len(kind) <= LONGEST_KIND else ""
    return retry.Failure(error.status_code, headers, plain, message, code)


def unsent(error: BaseException) -> bool:
    """Whether the request can't have arrived, because no connection came about."""
    import httpx2

    return isinstance(error.__cause__, (httpx2.ConnectError, httpx2.ConnectTimeout))


@contextmanager
def translated() -> Iterator[None]:
    """The SDK's errors as ours, where a call is not retried here because the whole step is repeated later."""
    from anthropic import APIConnectionError, APIError, APIStatusError

    try:
        yield
    except APIStatusError as error:
        decision = retry.decide(failure_of(error), retry.ATTEMPTS)
        raise (FrontierStopped if decision.next == "stop" else FrontierUnavailable)(decision.reason) from None
    except APIConnectionError as error:
        if isinstance(error.__cause__, NotAllowed):
            raise error.__cause__ from None
        raise FrontierUnavailable("the destination did not answer") from None
    except APIError as error:
        raise FrontierUnavailable(f"the destination's answer makes no sense ({type(error).__name__})") from None
