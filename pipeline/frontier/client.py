"""One request to a frontier model, from its parts to a reading: gate, ledger, call, retries, one attempt to mend.

The SDK is used bare: its retries are off (see `retry.py`), its logger is kept from debugging (it would write whole
requests, pages and all), its tracing is off, and nothing it finds in the environment (address, key, headers)
is used in place of the settings.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.errors import FrontierStopped, FrontierUnavailable, NotAllowed
from pipeline.frontier import retry
from pipeline.frontier.answers import TOOL, Failed, Read, Reading, judge
from pipeline.frontier.gate import Destination, Policies, http_client
from pipeline.frontier.ledger import Budget, Ledger, Planned, State
from pipeline.frontier.models import Model
from pipeline.frontier.pacing import Breaker, Pace
from pipeline.frontier.profiles import Profile
from pipeline.frontier.prompts import SYSTEM, Part, request_content, schema_in_words
from schemas.frontier import answer_json_schema

if TYPE_CHECKING:
    from anthropic import Anthropic
    from anthropic.types import Message

__all__ = ["Asked", "Deferred", "FrontierClient", "Outcome", "Setup", "translated"]

SCHEMA_TOKENS = 5000  # system prompt and schema: 14 kB of English and JSON, counted at 2.8 characters a token
OUTPUT_A_PAGE = 6000  # tokens of the answer for the densest page; a page of the samples takes about 1,500
MOST_OUTPUT = 20_000  # above about 21,000 the SDK asks for streaming
MEND = "Your answer can't be used: {problems}. Answer again, completely, and satisfy the schema."
USAGE = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(frozen=True, slots=True)
class Setup:
    """Where to ask, whom, with which abilities and bounds; `key` is the API key, or "" for a server without one."""

    destination: Destination
    model: Model
    profile: Profile
    key: str = field(repr=False, default="")
    seconds: float = 300.0
    at_once: int = 4
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Asked:
    """Pages of one document that go into one request."""

    run: int
    document: str
    matter: str
    parts: tuple[Part, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The pages asked for."""
        return tuple(part.number for part in self.parts)


@dataclass(frozen=True, slots=True)
class Deferred:
    """No answer could be had now: the pages wait for a later run, and nothing is lost."""

    reason: str


Outcome = Reading | Deferred


class FrontierClient:
    """See the module's docstring; `ask` may be called from several threads."""

    def __init__(
        self,
        setup: Setup,
        ledger: Ledger,
        policies: Policies,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.setup = setup
        self._ledger = ledger
        self._policies = policies
        self._sleep = sleep
        self._pace = Pace(setup.at_once)
        self._breaker = Breaker()
        self._clients: dict[str, Anthropic] = {}
        self._making = threading.Lock()

    def close(self) -> None:
        """Let the connections go."""
        for client in self._clients.values():
            client.close()

    def ask(self, asked: Asked) -> Outcome:
        """What the model makes of these pages.

        `NotAllowed` when the matter keeps its pages here, `BudgetSpent` when the call could cost more than is
        left, `FrontierStopped` when the destination takes no calls from this account: in all three nothing was sent.
        """
        self._policies.check(asked.matter, self.setup.destination)
        messages: list[dict[str, Any]] = [{"role": "user", "content": request_content(asked.parts)}]
        outcome = self._call(asked, messages)
        if isinstance(outcome, Failed) and outcome.mendable:
            said = outcome.text or "(no answer)"
            problems = "; ".join(outcome.problems) or outcome.reason
            mend = {"role": "user", "content": MEND.format(problems=problems)}
            outcome = self._call(asked, [*messages, {"role": "assistant", "content": said}, mend])
        return outcome

    def _call(self, asked: Asked, messages: list[dict[str, Any]]) -> Outcome:
        attempt = 0
        while True:
            attempt += 1
            if not self._breaker.closed():
                return Deferred("the destination is out of reach; calls rest for a while")
            with self._pace.slot():
                result = self._once(asked, messages)
            if not isinstance(result, retry.Failure):
                return result
            decision = retry.decide(result, attempt)
            if decision.next == "fail":
                return Failed("empty", decision.reason)
            if decision.next == "stop":
                raise FrontierStopped(decision.reason)
            if decision.next == "defer":
                return Deferred(decision.reason)
            self._sleep(decision.wait)

    def _once(self, asked: Asked, messages: list[dict[str, Any]]) -> Reading | retry.Failure:
        """One request, with its row in the ledger; what came back, or how it failed."""
        client = self.sdk(asked.matter)
        body = self.body(asked, messages)
        tokens = self._counted(client, body) or self._estimated(asked, messages)
        call = self._ledger.reserve(self._planned(asked, tokens, body["max_tokens"]), self.setup.budget)
        try:
            response = client.messages.with_raw_response.create(**body)
            message = response.parse()
        except Exception as error:
            failure = self._failed(call, error)
            if failure is None:
                raise
            return failure
        self._breaker.succeeded()
        self._pace.learn(response.headers)
        reading = judge(message, asked.numbers)
        self._settle(call, message, reading)
        return reading

    def _settle(self, call: int, message: Message, reading: Reading) -> None:
        usage = {name: int(getattr(message.usage, name, 0) or 0) for name in USAGE}
        state: State
        state, why = ("settled", "") if isinstance(reading, Read) else ("failed", reading.reason)
        self._ledger.settle(call, self.setup.model.cost(message.usage), usage, state=state, why=why)

    def _failed(self, call: int, error: Exception) -> retry.Failure | None:
        """The failure as the retry policy sees it, with the ledger and the breaker told; None for any other error."""
        from anthropic import APIConnectionError, APIStatusError

        if isinstance(error, APIConnectionError) and isinstance(error.__cause__, NotAllowed):
            self._ledger.close(call, str(error.__cause__))
            raise error.__cause__ from None
        if isinstance(error, APIStatusError):
            failure = retry.Failure(
                error.status_code,
                {name.lower(): value for name, value in error.response.headers.items()},
                str(error.type or ""),
                str(error.api_message or ""),
            )
            self._ledger.close(call, f"status {error.status_code}")
            if error.status_code == 429:
                self._pace.slow()
            if error.status_code >= 500:
                self._breaker.failed()
            return failure
        if isinstance(error, APIConnectionError):
            # The request may have arrived and been paid for: the row stays with all that was reserved.
            self._ledger.settle(call, Decimal(0), {}, state="lost", why="no answer came")
            self._breaker.failed()
            return retry.Failure(None, {})
        self._ledger.settle(call, Decimal(0), {}, state="lost", why=type(error).__name__)
        return None

    def _counted(self, client: Anthropic, body: Mapping[str, Any]) -> int:
        """The tokens of the request as the destination counts them; 0 where it doesn't or can't.

        Counting sends the page too, so it passes the gate as any request does. It is worth that only under a budget.
        """
        from anthropic import APIError

        budget = self.setup.budget
        if not self.setup.profile.counting or (budget.run, budget.day, budget.matter) == (None, None, None):
            return 0
        counted = {name: value for name, value in body.items() if name != "max_tokens"}
        try:
            return client.messages.count_tokens(**counted).input_tokens
        except APIError as error:
            if isinstance(error.__cause__, NotAllowed):
                raise error.__cause__ from None
            return 0

    def _estimated(self, asked: Asked, messages: Sequence[Mapping[str, Any]]) -> int:
        """Rather too many tokens than too few."""
        pages = sum(part.tokens for part in asked.parts)
        return SCHEMA_TOKENS + pages + sum(len(message["content"]) for message in messages[1:])

    def _planned(self, asked: Asked, tokens: int, most_output: int) -> Planned:
        return Planned(
            run=asked.run,
            document=asked.document,
            matter=asked.matter,
            pages=asked.numbers,
            destination=self.setup.destination.host,
            model=self.setup.model.id,
            most=self.setup.model.most(tokens, most_output),
        )

    def most_output(self, asked: Asked) -> int:
        """Tokens the answer to these pages may have."""
        return min(OUTPUT_A_PAGE * len(asked.parts), MOST_OUTPUT)

    def body(self, asked: Asked, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """The request as the destination's profile wants it."""
        profile = self.setup.profile
        instruction = SYSTEM if profile.schema != "prompt" else f"{SYSTEM}\n\n{schema_in_words()}"
        system: dict[str, Any] = {"type": "text", "text": instruction}
        if profile.caching:
            system["cache_control"] = {"type": "ephemeral"}
        body: dict[str, Any] = {
            "model": self.setup.model.id,
            "max_tokens": self.most_output(asked),
            "system": [system],
            "messages": messages,
        }
        if profile.schema == "output_config":
            body["output_config"] = {"format": {"type": "json_schema", "schema": answer_json_schema()}}
        elif profile.schema == "tool":
            tool = {"name": TOOL, "description": "Report what stands on the pages.", "strict": True}
            body["tools"] = [{**tool, "input_schema": answer_json_schema()}]
            body["tool_choice"] = {"type": "tool", "name": TOOL}
        return body

    def sdk(self, matter: str) -> Anthropic:
        """The SDK with this matter's gate below it."""
        with self._making:
            if matter not in self._clients:
                self._clients[matter] = self._make(matter)
            return self._clients[matter]

    def _make(self, matter: str) -> Anthropic:
        from anthropic import Anthropic

        logging.getLogger("anthropic").setLevel(logging.WARNING)
        return Anthropic(
            api_key=self.setup.key or "none",  # without one the SDK would look for a key in the environment
            base_url=self.setup.destination.url,
            http_client=http_client(matter, self.setup.destination, self._policies, self.setup.seconds),
            max_retries=0,
            timeout=self.setup.seconds,
            open_telemetry=False,
        )


@contextmanager
def translated() -> Iterator[None]:
    """The SDK's errors as ours, where a call is not retried here because the whole step is repeated later."""
    from anthropic import APIConnectionError, APIError, APIStatusError

    try:
        yield
    except APIStatusError as error:
        failure = retry.Failure(
            error.status_code, error.response.headers, str(error.type or ""), error.api_message or ""
        )
        decision = retry.decide(failure, retry.ATTEMPTS)
        raise (FrontierStopped if decision.next == "stop" else FrontierUnavailable)(decision.reason) from None
    except APIConnectionError as error:
        if isinstance(error.__cause__, NotAllowed):
            raise error.__cause__ from None
        raise FrontierUnavailable("the destination did not answer") from None
    except APIError as error:
        raise FrontierUnavailable(f"the destination's answer makes no sense ({type(error).__name__})") from None
