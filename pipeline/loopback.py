"""Whether a host is this machine: what need not be encrypted, and what may be told names of files, hangs on it."""

from __future__ import annotations

import ipaddress

__all__ = ["is_loopback"]


def is_loopback(host: str) -> bool:
    """By a name or number that no name server decides on: `localhost`, or an address of the loopback."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
