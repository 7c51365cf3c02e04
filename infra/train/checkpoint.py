"""Where a training stands: what it learns, its optimizer, its random state, in one file that is there whole or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

__all__ = ["CHECKPOINT", "Standing", "keep", "take_up"]

CHECKPOINT = "checkpoint.pt"


class Standing(NamedTuple):
    """How far a training is: steps taken, and seconds spent, earlier calls included."""

    step: int
    seconds: float


def keep(folder: Path, parts: Mapping[str, Any], standing: Standing) -> None:
    """Write the state of `parts` (models and optimizers by name), put in place by a rename."""
    state = {name: part.state_dict() for name, part in parts.items()}
    unfinished = folder / f"{CHECKPOINT}.part"
    torch.save({**state, **standing._asdict(), "random": torch.get_rng_state()}, unfinished)
    unfinished.rename(folder / CHECKPOINT)


def take_up(folder: Path, parts: Mapping[str, Any], device: torch.device) -> Standing | None:
    """Give `parts` and torch's random numbers the state kept in the folder; None where there is none.

    `SystemExit` when it is that of other parts, of another preset as a rule.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    state = torch.load(path, map_location=device, weights_only=True)
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (KeyError, ValueError, RuntimeError) as error:
        raise SystemExit(f"{path} was made by another preset: give that one, or another --out") from error
    torch.set_rng_state(state["random"].cpu())
    return Standing(state["step"], state["seconds"])
