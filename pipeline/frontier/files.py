"""Page images at the destination: uploaded for a batch, named so that nobody else's are touched, deleted after it.

Each file carries the name of this home and of its batch, so whatever a kill leaves behind is known for ours at the next
start. It also expires by itself, should this machine never start again.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pipeline.frontier.patience import patient
from pipeline.frontier.prompts import Part

if TYPE_CHECKING:
    from anthropic import Anthropic

__all__ = ["delete", "sweep", "uploaded"]

LIFE = 3 * 24 * 3600  # seconds; a batch ends within one day, and the next night may be the one that sends it


def uploaded(
    sdk: Anthropic, name: str, parts: Sequence[Part], executor: Executor
) -> tuple[tuple[Part, ...], list[str]]:
    """The parts with their images as files at the destination, and the ids of these."""
    sources = [block["source"]["data"] for part in parts for block in part.blocks if block["type"] == "image"]
    ids = list(executor.map(partial(_upload, sdk, name), sources))
    left = iter(ids)
    return tuple(replace(part, blocks=tuple(_by_id(block, left) for block in part.blocks)) for part in parts), ids


def delete(sdk: Anthropic, files: Collection[str]) -> None:
    """Delete these; one that is gone already is as good."""
    from anthropic import NotFoundError

    for file in files:
        try:
            patient(partial(sdk.files.delete, file))
        except NotFoundError:
            continue


def sweep(sdk: Anthropic, named: str, kept: Collection[str]) -> int:
    """Delete the files whose name begins with `named` but with none of `kept`; how many."""
    ours = [file for file in patient(lambda: list(sdk.files.list())) if file.filename.startswith(named)]
    doomed = [file.id for file in ours if not file.filename.startswith(tuple(kept))]
    delete(sdk, doomed)
    return len(doomed)


def _upload(sdk: Anthropic, name: str, image: str) -> str:
    data = base64.standard_b64decode(image)
    upload = partial(sdk.files.upload, file=(f"{name}.jpg", data, "image/jpeg"), expires_in_seconds=LIFE)
    return str(patient(upload).id)


def _by_id(block: dict[str, Any], ids: Iterator[str]) -> dict[str, Any]:
    if block["type"] != "image":
        return block
    return {"type": "image", "source": {"type": "file", "file_id": next(ids)}}
