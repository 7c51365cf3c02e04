"""`muniment doctor --frontier`: what the configured destination really does, found out with a page made for it.

The page is drawn on the spot (`testpage.py`). No client's data is in it, so no matter's leave is needed, and the
probe is given none: it asks in the name of no matter, its gate opens for that empty name alone (no matter can bear
it), and below the SDK a second look lets no image through but the drawn one. It opens neither catalog nor store for
reading. Each call has its row in the ledger and keeps the budgets like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2

from pipeline.bounded import BoundedTransport
from pipeline.errors import FrontierStopped, FrontierUnavailable, MunimentError, NotAllowed
from pipeline.frontier import retry
from pipeline.frontier.answers import Failed, Read, judge, usage_of
from pipeline.frontier.client import Asked, FrontierClient, Setup
from pipeline.frontier.gate import Destination, Egress, Policies, http_client
from pipeline.frontier.ledger import Ledger, Planned
from pipeline.frontier.profiles import PROFILES, Profile, SchemaBy
from pipeline.frontier.prompts import PREFIX_TOKENS, request_content
from pipeline.frontier.sdk import bare_client, failure_of, translated
from pipeline.frontier.testpage import PAGE_TOKENS, drawn, page_of, read_right, said, small_request

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["Ability", "Probe", "probe", "probe_text", "recommended"]

NOBODY = ""
"""The matter in whose name the probe asks: a name that `clean_matter` refuses."""

SCHEMAS: tuple[SchemaBy, ...] = ("output_config", "tool", "prompt")
SMALL_PROMPT = 1500  # tokens of the small request beside its image, at most


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing a destination may do: whether it does, and what was seen."""

    name: str
    able: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found: `problem` is why nothing more could be asked, or ""; `profile` is the one to set. USD in `cost`,
    and in `unsure` what calls without an answer may have cost."""

    destination: str
    model: str
    abilities: tuple[Ability, ...]
    configured: str
    profile: str
    cost: Decimal
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether pages can be sent there: an answer came in some form, and it said what the page says."""
        able = {ability.name for ability in self.abilities if ability.able}
        return not self.problem and {"image", "page answers"} <= able


class _Nobody(Policies):
    """The leave of the probe: for no matter at all."""

    def __init__(self) -> None:
        """Without a database: there is nothing to look up."""

    def of(self, matter: str) -> Egress:
        return "cloud" if matter == NOBODY else "never"

    def record(self, matter: str, destination: Destination, path: str, size: int) -> None:
        """Nothing: no page of anybody goes there. The ledger names the probe's calls."""


class _OnlyTheTestPage(httpx2.BaseTransport):
    """Lets requests through whose images are the drawn page, and no others."""

    def __init__(self) -> None:
        self._inner = BoundedTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = re.findall(r'"data":\s*"([^"]*)"', request.read().decode())
        if set(sent) - {drawn()}:
            raise NotAllowed("the probe sends its own page and no other")
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def probe(setup: Setup, ledger: Ledger, run: int) -> Probe:
    """Ask the destination for everything Muniment can use; `run` is the run its calls are written down under.

    About 4 cents on a model of 2/10 USD a million tokens. A destination that can't be reached, or refuses the account,
    is a finding too, not an error.
    """
    found: list[Ability] = []
    problem = ""
    try:
        found.extend(_Probing(setup, ledger, run).all())
    except MunimentError as error:
        problem = str(error)
    host = f"{setup.destination.host} ({setup.destination.kind})"
    cost = ledger.spent(run)
    best = recommended(found, setup.profile.name)
    return Probe(host, setup.model.id, tuple(found), setup.profile.name, best, cost, problem)


def probe_text(found: Mapping[str, Any]) -> str:
    """The findings (`asdict` of a `Probe`) as text."""
    lines = [f"{found['model']} at {found['destination']}, asked with a page drawn for this test (no client's data)"]
    width = max((len(one["name"]) for one in found["abilities"]), default=0)
    lines += [
        f"  {'yes' if one['able'] else 'no':3}  {one['name']:{width}}  {one['detail']}" for one in found["abilities"]
    ]
    if found["problem"]:
        lines.append(f"  PROBLEM  {found['problem']}")
    lines.append(f"  it cost {Decimal(found['cost']):.4f} USD")
    if found["abilities"]:
        same = "as it is set" if found["profile"] == found["configured"] else f"it is set to {found['configured']}"
        lines.append(f"  recommended: MUNIMENT_FRONTIER_PROFILE={found['profile']} ({same})")
    return "\n".join(lines)


def recommended(abilities: Iterable[Ability], configured: str) -> str:
    """The richest profile that promises nothing the destination didn't show; the configured one among equals."""
    able = {ability.name for ability in abilities if ability.able}
    kept = [profile for profile in PROFILES.values() if _promises(profile) <= able]
    plain = PROFILES["plain"]
    return max(
        kept, key=lambda one: (len(_promises(one)), one.name == configured, one.name == plain.name), default=plain
    ).name


def _promises(profile: Profile) -> set[str]:
    also = ("counting", "caching", "files", "batches")
    named = {f"schema by {profile.schema}", *(name for name in also if getattr(profile, name))}
    return named | ({"several images"} if profile.images > 1 else set())


class _Probing:
    """One probe under way."""

    def __init__(self, setup: Setup, ledger: Ledger, run: int) -> None:
        self._setup = setup
        self._ledger = ledger
        self._run = run
        self._forms = FrontierClient(setup, ledger, _Nobody())

    def all(self) -> Iterator[Ability]:
        """One ability after the other, each asked for once."""
        setup = self._setup
        inner = http_client(NOBODY, setup.destination, _Nobody(), setup.seconds, _OnlyTheTestPage)
        with inner, bare_client(setup.destination.url, setup.key, setup.seconds, inner) as sdk:
            schemas = [self._schema(sdk, by) for by in SCHEMAS]
            yield from (ability for ability, _ in schemas)
            right = [read for ability, read in schemas if ability.able]
            yield Ability("image", any(right), "the number and the fee of the page came back right" if any(right) else
                          "the page was not read, or read wrong")  # fmt: skip
            working = [by for by, (ability, _) in zip(SCHEMAS, schemas, strict=True) if ability.able]
            yield from self._page(sdk, working[0] if working else "prompt")
            yield self._counting(sdk)
            yield self._listing("files", lambda: sdk.files.list(limit=1))
            yield self._listing("batches", lambda: sdk.messages.batches.list(limit=1))

    def _schema(self, sdk: Anthropic, by: SchemaBy) -> tuple[Ability, bool]:
        """Whether an answer can be bound to a schema in this way, and whether it said what stands on the page."""
        body = small_request(self._setup.model.id, by)
        message, refused = self._sent(sdk, body, PAGE_TOKENS + SMALL_PROMPT)
        name = f"schema by {by}"
        if message is None:
            return Ability(name, False, refused), False
        answer = said(message, by)
        if answer is None:
            return Ability(name, False, "accepted, but the answer is not bound by it"), False
        return Ability(name, True, "the answer satisfies the schema"), read_right(answer)

    def _page(self, sdk: Anthropic, by: SchemaBy) -> Iterator[Ability]:
        """The real request, as pages are sent: two of them at once, or one where two are refused."""
        form = replace(self._setup.profile, schema=by, caching=True)
        reading, detail, cached = self._asked(sdk, form, 2)
        several = not isinstance(reading, str)
        yield Ability("several images", several, "two pages in one request" if several else detail)
        if not several:
            reading, detail, cached = self._asked(sdk, form, 1)
        usable = isinstance(reading, Read) and not reading.missing
        yield Ability("page answers", usable, "the answer to a whole page satisfies the schema" if usable else detail)
        yield Ability("caching", cached > 0, f"{cached} tokens of prefix cached" if cached else "no cached prefix seen")

    def _asked(self, sdk: Anthropic, form: Profile, pages: int) -> tuple[Read | Failed | str, str, int]:
        """The reading, or "refused"; a reason; tokens written to or read from a cache."""
        parts = tuple(page_of(number) for number in range(1, pages + 1))
        asked = Asked(self._run, "", NOBODY, parts)
        messages = [{"role": "user", "content": request_content(parts)}]
        tokens = PREFIX_TOKENS + sum(part.tokens for part in parts)
        body = self._forms.body(asked, messages, form=form)
        message, refused = self._sent(sdk, body, tokens, asked.numbers)
        if message is None:
            return "refused", refused, 0
        reading, usage = judge(message, asked.numbers), usage_of(message)
        cached = usage.cache_creation_input_tokens + usage.cache_read_input_tokens if usage else 0
        return reading, reading.reason if isinstance(reading, Failed) else "", cached

    def _counting(self, sdk: Anthropic) -> Ability:
        from anthropic import APIStatusError

        body = {
            name: value for name, value in small_request(self._setup.model.id, "prompt").items() if name != "max_tokens"
        }
        try:
            with translated():
                try:
                    tokens = getattr(sdk.messages.count_tokens(**body), "input_tokens", None)
                except APIStatusError as error:
                    if error.status_code in (401, 403, 429) or error.status_code >= 500:
                        raise
                    return Ability("counting", False, f"status {error.status_code}")
        except ValueError:
            tokens = None
        able = isinstance(tokens, int) and tokens > 0
        return Ability("counting", able, f"{tokens} tokens for the page" if able else "the answer is no count")

    def _listing(self, name: str, ask: Callable[[], Any]) -> Ability:
        """Whether there is such a list; it is not looked at."""
        from anthropic import APIStatusError

        try:
            with translated():
                try:
                    listed = getattr(ask(), "data", None)
                except APIStatusError as error:
                    if error.status_code in (401, 429) or error.status_code >= 500:
                        raise
                    return Ability(name, False, f"status {error.status_code}")
        except ValueError:
            listed = None
        return Ability(name, isinstance(listed, list), "listed" if isinstance(listed, list) else "no list came back")

    def _sent(
        self, sdk: Anthropic, body: dict[str, Any], tokens: int, pages: tuple[int, ...] = (1,)
    ) -> tuple[object, str]:
        """The message, or None and why it was refused. Raises where nothing can be asked at all."""
        from anthropic import APIConnectionError, APIStatusError

        setup = self._setup
        most = setup.model.most(tokens, body["max_tokens"])
        planned = Planned(self._run, "", NOBODY, pages, setup.destination.host, setup.model.id, most)
        call = self._ledger.reserve(planned, setup.budget)
        try:
            message: object = sdk.messages.create(**body)
        except APIStatusError as error:
            self._ledger.close(call, f"status {error.status_code}")
            return None, _refused(failure_of(error))
        except (APIConnectionError, ValueError) as error:
            self._ledger.settle(call, Decimal(0), {}, state="lost", why=f"no answer came ({type(error).__name__})")
            if isinstance(error.__cause__, NotAllowed):
                raise error.__cause__ from None
            raise FrontierUnavailable("the destination did not answer, or not with JSON") from None
        usage = usage_of(message)
        if usage is None:
            self._ledger.settle(call, Decimal(0), {}, state="lost", why="the answer does not say what it used")
        else:
            self._ledger.settle(call, setup.model.cost(usage), asdict(usage), why="probe")
        return message, ""


def _refused(failure: retry.Failure) -> str:
    """Why this form of a request is refused; raises when the reason has nothing to do with its form."""
    decision = retry.decide(failure, retry.ATTEMPTS)
    if decision.next == "fail" or failure.status in (400, 422):
        if retry.spent(failure):
            raise FrontierStopped(decision.reason)
        return f"refused ({failure.status})"
    raise (FrontierStopped if decision.next == "stop" else FrontierUnavailable)(decision.reason)
