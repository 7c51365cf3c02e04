"""One request to a frontier model, from its parts to a reading: gate, ledger, call, retries, one attempt to mend.

What a server promises and does not keep is found out by asking: see `profiles.Abilities`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.errors import FrontierStopped, MunimentError, NotAllowed
from pipeline.frontier import retry
from pipeline.frontier.answers import TOOL, Failed, Read, Reading, Usage, judge, usage_of
from pipeline.frontier.gate import Destination, Policies, http_client
from pipeline.frontier.ledger import Budget, Ledger, Planned, State
from pipeline.frontier.models import Model
from pipeline.frontier.pacing import Breaker, Pace
from pipeline.frontier.profiles import Abilities, Profile
from pipeline.frontier.prompts import PREFIX_TOKENS, Part, instruction, request_content, tokens_of
from pipeline.frontier.salvage import salvaged
from pipeline.frontier.sdk import bare_client, failure_of, unsent
from schemas.frontier import answer_json_schema

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["Asked", "Deferred", "FrontierClient", "Outcome", "Setup"]

log = logging.getLogger(__name__)

SCHEMA_TOKENS = PREFIX_TOKENS
OUTPUT_A_PAGE = 6000  # tokens of the answer for the densest page; a page of the samples takes about 1,500
MOST_OUTPUT = 20_000  # above about 21,000 the SDK asks for streaming
EFFORT = "low"  # of thinking, which is paid as output and takes from the answer's room; reading a page needs little
COUNT = 30.0  # seconds to have the destination count tokens; it is only a better estimate
MEND = "Your answer can't be used: {problems}. Answer again, completely, and satisfy the schema."


@dataclass(frozen=True, slots=True)
class Setup:
    """Where to ask, whom, with which abilities and bounds; `key` is the API key, or "" for a server without one;
    `region` is where inference is kept, as the API's `inference_geo` names it, or "" for where the account says."""

    destination: Destination
    model: Model
    profile: Profile
    key: str = field(repr=False, default="")
    seconds: float = 300.0
    at_once: int = 4
    budget: Budget = field(default_factory=Budget)
    region: str = ""


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
        self.abilities = Abilities(setup.profile)
        self._ledger = ledger
        self._policies = policies
        self._sleep = sleep
        self._pace = Pace(setup.at_once)
        self._breaker = Breaker()
        self._clients: dict[str, Anthropic] = {}
        self._making = threading.Lock()

    def close(self) -> None:
        """Let the connections go."""
        with self._making:
            for client in self._clients.values():
                client.close()

    def ask(self, asked: Asked) -> Outcome:
        """What the model makes of these pages.

        `NotAllowed` when the matter keeps its pages here, `BudgetSpent` when the call could cost more than is
        left, `FrontierStopped` when the destination takes no calls from this account: in all three nothing was sent.
        """
        self._policies.check(asked.matter, self.setup.destination)
        if problem := next((part.problem for part in asked.parts if part.problem), ""):
            return Failed("image", problem)
        messages: list[dict[str, Any]] = [{"role": "user", "content": request_content(asked.parts)}]
        outcome = self._call(asked, messages, self.most_output(asked))
        return self._again(asked, messages, outcome) if isinstance(outcome, Failed) else outcome

    def _again(self, asked: Asked, messages: list[dict[str, Any]], failed: Failed) -> Outcome:
        """The one attempt to mend: with all the room there is when the answer was cut, told what was wrong when it
        could not be used. What can be used of the answer that still can't be is kept."""
        if failed.why == "truncated" and self.most_output(asked) < MOST_OUTPUT:
            return self._call(asked, messages, MOST_OUTPUT)
        if not failed.mendable:
            return failed
        problems = "; ".join(failed.problems) or failed.reason
        said = {"role": "assistant", "content": failed.text or "(no answer)"}
        mend = {"role": "user", "content": MEND.format(problems=problems)}
        outcome = self._call(asked, [*messages, said, mend], self.most_output(asked))
        if not isinstance(outcome, Failed):
            return outcome
        rest = salvaged(outcome, asked.numbers)
        return salvaged(failed, asked.numbers) if isinstance(rest, Failed) else rest

    def _call(self, asked: Asked, messages: list[dict[str, Any]], room: int) -> Outcome:
        """The answer to a request of at most `room` tokens, in the first of its forms that is not refused."""
        refused: list[retry.Failure] = []
        for form in self.abilities.forms():
            outcome = self._tried(asked, self.body(asked, messages, form=form, room=room))
            if not isinstance(outcome, retry.Failure):
                if isinstance(outcome, Read) or (isinstance(outcome, Failed) and outcome.why != "request"):
                    self.abilities.answered(form)
                return outcome
            refused.append(outcome)
        decision = retry.decide(refused[0], 1)
        if decision.next == "stop":
            raise FrontierStopped(decision.reason)
        return Failed("request", decision.reason)

    def _tried(self, asked: Asked, body: dict[str, Any]) -> Outcome | retry.Failure:
        """What came of one form of the request, tried as often as makes sense; a failure if it was refused."""
        attempt = 0
        while True:
            attempt += 1
            if not self._breaker.closed():
                return Deferred("the destination is out of reach; calls rest for a while")
            with self._pace.slot():
                result = self._once(asked, body)
            if not isinstance(result, retry.Failure):
                return result
            if result.status in retry.REFUSING and not retry.spent(result):
                return result
            decision = retry.decide(result, attempt)
            if decision.next == "fail":
                return Failed("request", decision.reason)
            if decision.next == "stop":
                raise FrontierStopped(decision.reason)
            if decision.next == "defer":
                return Deferred(decision.reason)
            self._sleep(decision.wait)

    def _once(self, asked: Asked, body: dict[str, Any]) -> Reading | retry.Failure:
        """One request, with its row in the ledger; what came back, or how it failed."""
        client = self.sdk(asked.matter)
        tokens = self._counted(client, body) or self._estimated(asked, body["messages"])
        call = self._ledger.reserve(self._planned(asked, tokens, body["max_tokens"]), self.setup.budget)
        try:
            response = client.messages.with_raw_response.create(**body)
        except BaseException as error:
            return self._failed(call, error)
        self._pace.learn(response.headers)
        try:
            message: object = response.parse()
        except (ValueError, RecursionError):
            message = None
        reading = judge(message, asked.numbers)
        usage = usage_of(message)
        self._settle(call, usage, reading)
        if usage is None and isinstance(reading, Failed) and reading.why == "empty":
            self._breaker.failed()  # no message at all: a proxy's page, say, with status 200
            return retry.Failure(200, {})
        self._breaker.succeeded()
        return reading

    def _settle(self, call: int, usage: Usage | None, reading: Reading) -> None:
        """The call came to its end. What it cost is unknown where the answer doesn't say: it then counts with all that
        was reserved. An answer that was paid is not lost because the ledger can't be written just now: its row
        stays open, which counts the same."""
        state: State
        state, why = ("settled", "") if isinstance(reading, Read) else ("failed", reading.reason)
        try:
            if usage is None:
                self._ledger.settle(call, Decimal(0), {}, state="lost", why="the answer does not say what it used")
            else:
                self._ledger.settle(call, self.setup.model.cost(usage), asdict(usage), state=state, why=why)
        except MunimentError as error:
            log.warning("call %d could not be settled: %s", call, error)

    def _failed(self, call: int, error: BaseException) -> retry.Failure:
        """The failure as the retry policy sees it, with the ledger and the breaker told; any other error goes on."""
        from anthropic import APIConnectionError, APIStatusError

        if isinstance(error, APIStatusError):
            self._ledger.close(call, f"status {error.status_code}")
            if error.status_code == 429:
                self._pace.slow()
            if error.status_code >= 500 and error.status_code not in retry.REFUSING:
                self._breaker.failed()
            else:
                self._breaker.succeeded()  # an answer came, if only a refusal
            return failure_of(error)
        if isinstance(error, APIConnectionError) and isinstance(error.__cause__, NotAllowed):
            self._ledger.close(call, str(error.__cause__))
            raise error.__cause__ from None
        why = f"no answer came ({type(error.__cause__ or error).__name__})"
        if unsent(error):
            self._ledger.close(call, why)
        else:  # the request may have arrived and been paid for: the row stays with all that was reserved
            self._ledger.settle(call, Decimal(0), {}, state="lost", why=why)
        if not isinstance(error, APIConnectionError):
            raise error
        self._breaker.failed()
        return retry.Failure(None, {})

    def _counted(self, client: Anthropic, body: Mapping[str, Any]) -> int:
        """The tokens of the request as the destination counts them; 0 where it doesn't or can't.

        Counting sends the page too, so it passes the gate as any request does. It is worth that only under a budget.
        """
        from anthropic import APIError, APIStatusError

        if not self.abilities.profile.counting or self.setup.budget == Budget():
            return 0
        counted = {name: value for name, value in body.items() if name not in ("max_tokens", "inference_geo")}
        try:
            tokens: object = getattr(client.messages.count_tokens(**counted, timeout=COUNT), "input_tokens", None)
        except APIError as error:
            if isinstance(error.__cause__, NotAllowed):
                raise error.__cause__ from None
            if isinstance(error, APIStatusError) and error.status_code in (*retry.REFUSING, 405):
                self.abilities.cannot_count()
            return 0
        except (ValueError, RecursionError):  # what came back is no JSON
            return 0
        return tokens if type(tokens) is int and tokens > 0 else 0

    def _estimated(self, asked: Asked, messages: Sequence[Mapping[str, Any]]) -> int:
        """Rather too many tokens than too few."""
        pages = sum(part.tokens for part in asked.parts)
        return SCHEMA_TOKENS + pages + sum(tokens_of(message["content"]) for message in messages[1:])

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

    def body(
        self, asked: Asked, messages: list[dict[str, Any]], *, form: Profile | None = None, room: int = 0
    ) -> dict[str, Any]:
        """The request as the destination's abilities want it, for an answer of at most `room` tokens."""
        form = form or self.abilities.profile
        system: dict[str, Any] = {"type": "text", "text": instruction(with_schema=form.schema != "tool")}
        if form.caching:
            system["cache_control"] = {"type": "ephemeral"}
        body: dict[str, Any] = {
            "model": self.setup.model.id,
            "max_tokens": room or self.most_output(asked),
            "system": [system],
            "messages": messages,
        }
        if self.setup.region:
            body["inference_geo"] = self.setup.region
        if form.schema == "output_config":
            effort = {"effort": EFFORT} if self.setup.model.effort else {}
            body["output_config"] = {**effort, "format": {"type": "json_schema", "schema": answer_json_schema()}}
        elif form.schema == "tool":
            tool = {"name": TOOL, "description": "Report what stands on the pages.", "strict": True}
            body["tools"] = [{**tool, "input_schema": answer_json_schema()}]
            body["tool_choice"] = {"type": "tool", "name": TOOL}
        return body

    def sdk(self, matter: str) -> Anthropic:
        """The SDK with this matter's gate below it."""
        with self._making:
            if matter not in self._clients:
                setup = self.setup
                inner = http_client(matter, setup.destination, self._policies, setup.seconds)
                self._clients[matter] = bare_client(setup.destination.url, setup.key, setup.seconds, inner)
            return self._clients[matter]
