"""What every command prints: text for a person, or one JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from decimal import Decimal

__all__ = ["emit"]


def emit(arguments: argparse.Namespace, payload: Callable[[], object], text: Callable[[], str]) -> None:
    """The one that was asked for. ASCII JSON is right in any locale and for any file name; a `Decimal` goes as text, so
    that it keeps every digit."""
    if arguments.json:
        print(json.dumps(payload(), default=_plain))
    else:
        print(text().encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8"))


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
