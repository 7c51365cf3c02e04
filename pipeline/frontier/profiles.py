"""What a destination can do. Of a server that only speaks the protocol nothing is assumed: each part has a fallback.

schema     output_config (the server constrains the answer), tool (a strict tool), prompt (asked for in words)
counting   count_tokens, or an estimate that rather counts too many
caching    a cached prefix, or the prefix sent each time
files      images by id, or as base64 in the request
batches    the Message Batches API, or direct calls

A profile is what is said of a server; `Abilities` is what the one at hand turned out to do.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["PROFILES", "Abilities", "Profile", "SchemaBy"]

log = logging.getLogger(__name__)

SchemaBy = Literal["output_config", "tool", "prompt"]
SCHEMAS: tuple[SchemaBy, ...] = ("output_config", "tool", "prompt")


@dataclass(frozen=True, slots=True)
class Profile:
    """The abilities of one kind of server; `images` is how many it takes in one request."""

    name: str
    schema: SchemaBy = "prompt"
    counting: bool = False
    caching: bool = False
    files: bool = False
    batches: bool = False
    images: int = 1

    def plainer(self) -> Iterator[Profile]:
        """Forms of a request that ask less of the server, what is missed least left out first."""
        schemas = SCHEMAS[SCHEMAS.index(self.schema) :]
        for caching in (True, False) if self.caching else (False,):
            for schema in schemas:
                if (schema, caching) != (self.schema, self.caching):
                    yield replace(self, schema=schema, caching=caching)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("claude", schema="output_config", counting=True, caching=True, files=True, batches=True, images=20),
        Profile("vllm", schema="output_config", counting=True, images=4),
        Profile("sglang", schema="tool", images=4),
        Profile("llamacpp", schema="tool", counting=True, images=4),
        Profile("ollama", schema="prompt"),
        Profile("plain"),
    )
}
"""By name, as `MUNIMENT_FRONTIER_PROFILE` takes it. What the self-hosted servers answer differs from release to
release; `muniment doctor --frontier` asks the server at hand. "plain" is right for any of them."""


class Abilities:
    """What the server at hand does, for one run; safe between threads.

    As long as no request was answered, a refused one may be sent again in a plainer form. The form that is answered
    first is kept: from then on a refusal is about the request, never about its form.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._known = False
        self._lock = threading.Lock()

    @property
    def profile(self) -> Profile:
        """The abilities as far as they are known."""
        return self._profile

    def forms(self) -> list[Profile]:
        """The forms a request may be tried in, in this order."""
        with self._lock:
            return [self._profile] if self._known else [self._profile, *self._profile.plainer()]

    def answered(self, form: Profile) -> None:
        """A request in this form was answered."""
        with self._lock:
            if self._known:
                return
            self._known = True
            if (form.schema, form.caching) != (self._profile.schema, self._profile.caching):
                log.warning(
                    "the frontier model's server refuses what profile %s promises: from now on schema by %s, %s",
                    self._profile.name,
                    form.schema,
                    "cached" if form.caching else "uncached",
                )
            self._profile = replace(self._profile, schema=form.schema, caching=form.caching)

    def cannot_count(self) -> None:
        """The server counts no tokens: from now on they are estimated."""
        with self._lock:
            if self._profile.counting:
                log.warning("the frontier model's server counts no tokens: budgets are kept by an estimate")
            self._profile = replace(self._profile, counting=False)
