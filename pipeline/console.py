"""What every command prints: text for a person, or one JSON object."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable

__all__ = ["emit"]


def emit(arguments: argparse.Namespace, payload: Callable[[], object], text: Callable[[], str]) -> None:
    """The one that was asked for. ASCII JSON is right in any locale and for any file name."""
    if arguments.json:
        print(json.dumps(payload()))
    else:
        print(text().encode(sys.stdout.encoding or "utf-8", "replace").decode(sys.stdout.encoding or "utf-8"))
