"""The vector index as the settings choose it: the engine embedded in the home, or a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.backends.protocols import PageIndex
    from pipeline.settings import Settings

__all__ = ["open_index", "tidy"]


def open_index(settings: Settings, made_by: Mapping[str, Any]) -> PageIndex:
    """The index of points that `made_by` makes (see `pipeline.index.signature`); opened when it is first asked."""
    if not settings.qdrant_url:
        from pipeline.backends.owned import OwnedIndex

        return OwnedIndex(settings.root / "index", made_by, settings.index_idle_seconds)
    from pipeline.backends.qdrant import QdrantIndex, connect

    key = settings.qdrant_api_key.get_secret_value()
    client = connect(settings.qdrant_url, key, authority=settings.qdrant_ca)
    return QdrantIndex(client, settings.collection, made_by)


def tidy(settings: Settings) -> bool:
    """Have the embedded index bring its graphs up to date, without loading a model for it; False where nothing is to be
    asked: a server looks after its own, and so does an owner that ends."""
    from pipeline.backends.owned import OwnedIndex

    return not settings.qdrant_url and OwnedIndex(settings.root / "index", {}).tidy()
