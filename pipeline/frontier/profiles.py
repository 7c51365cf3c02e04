"""What a destination can do. Of a server that only speaks the protocol nothing is assumed: each part has a fallback.

schema     output_config (the server constrains the answer), tool (a strict tool), prompt (asked for in words)
counting   count_tokens, or an estimate that rather counts too many
caching    a cached prefix, or the prefix sent each time
files      images by id, or as base64 in the request
batches    the Message Batches API, or direct calls
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PROFILES", "Profile", "SchemaBy"]

SchemaBy = Literal["output_config", "tool", "prompt"]


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
