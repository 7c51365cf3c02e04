"""The frontier model as the settings choose it: where it is, what it costs, how it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import UsageError
from pipeline.frontier.gate import Destination, destination_of
from pipeline.frontier.models import Model, model_of

if TYPE_CHECKING:
    from pipeline.frontier.client import Setup
    from pipeline.settings import Settings

__all__ = ["destination", "model", "setup"]


def destination(settings: Settings) -> Destination:
    """Where the frontier model is."""
    return destination_of(settings.frontier_url, settings.frontier_kind, settings.frontier_residency)


def model(settings: Settings, name: str) -> Model:
    """The model of this name by its price and image sizes, also where no destination is configured.

    A price in the settings is that of the configured model; the firm's own server costs nothing by the token.
    """
    prices = settings.frontier_prices if name == settings.frontier_model else ""
    free = bool(settings.frontier_url) and destination(settings).kind == "self-hosted"
    return model_of(name, prices, free=free, region=settings.frontier_region)


def setup(settings: Settings, name: str) -> Setup:
    """How the configured destination is asked for the model of this name; `UsageError` when there is none."""
    from pipeline.frontier.client import Setup
    from pipeline.frontier.ledger import Budget
    from pipeline.frontier.profiles import PROFILES

    if not settings.frontier_url:
        raise UsageError("no frontier model is configured: set MUNIMENT_FRONTIER_URL")
    return Setup(
        destination(settings),
        model(settings, name),
        PROFILES[settings.frontier_profile],
        settings.frontier_key.get_secret_value(),
        settings.frontier_seconds,
        settings.frontier_at_once,
        Budget(settings.budget_run, settings.budget_day, settings.budget_matter),
        settings.frontier_region,
    )
