"""How the commands around the search page are typed: serve, user …, audit …."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.web import commands

__all__ = ["add_options", "add_serving", "as_typed"]

Command = Callable[[Any, str, str], argparse.ArgumentParser]


def add_options(parsers: Any, command: Command) -> None:
    """Add the commands; `command(parsers, name, text)` makes the parser of one that prints."""
    _add_serve(parsers)
    _add_user(parsers, command)
    _add_audit(parsers, command)


def _add_serve(parsers: Any) -> None:
    serve = parsers.add_parser("serve", help="the search page, in a browser", description="the search page")
    add_serving(serve)
    serve.set_defaults(command=commands.serve)


def add_serving(serve: argparse.ArgumentParser) -> None:
    """Where and how the search page is served."""
    serve.add_argument("--port", type=_port, default=8000, help="default 8000; 0 takes a free one")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on; by default this machine's own only")
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate (chain), PEM")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, PEM")
    serve.add_argument(
        "--behind-proxy", metavar="ADDRESS", help="IP address of the proxy that adds TLS; only it is believed"
    )
    serve.add_argument("--name", action="append", metavar="HOST", help="name the server is asked for by; repeatable")


def as_typed(arguments: argparse.Namespace) -> list[str]:
    """Those options again, as they are typed."""
    named = [("--port", arguments.port), ("--host", arguments.host), ("--behind-proxy", arguments.behind_proxy)]
    named += [("--tls-cert", arguments.tls_cert), ("--tls-key", arguments.tls_key)]
    named += [("--name", name) for name in arguments.name or ()]
    return [f"{option}={value}" for option, value in named if value is not None]


def _add_user(parsers: Any, command: Command) -> None:
    user = parsers.add_parser("user", help="accounts, what each may see, and API tokens")
    actions = user.add_subparsers(metavar="ACTION", dest="action", required=True)
    command(actions, "list", "the accounts and what each may see").set_defaults(command=commands.user_list)
    for name, text, act in (
        ("add", "a new account; its password is asked for", commands.user_add),
        ("password", "another password; the account's sessions end", commands.user_password),
        ("disable", "nobody signs in with it any more; sessions end, tokens open nothing", commands.user_act),
        ("enable", "it may sign in again", commands.user_act),
        ("grant", "allow matters", commands.user_decide),
        ("deny", "deny matters, whatever else is allowed", commands.user_decide),
        ("withdraw", "neither allow nor deny matters any more", commands.user_decide),
        (
            "link",
            "whom MUNIMENT_OIDC_ISSUER knows by a subject signs in as this account",
            commands.user_link,
        ),
        ("token", "a new API token, printed this once", commands.user_token),
        ("tokens", "the account's API tokens", commands.user_tokens),
        ("revoke", "an API token opens nothing any more", commands.user_revoke),
    ):
        parser = command(actions, name, text)
        parser.add_argument("name", metavar="NAME")
        parser.set_defaults(command=act, disabled=name == "disable")
        _add_user_options(name, parser)


def _add_user_options(name: str, parser: argparse.ArgumentParser) -> None:
    if name == "add":
        parser.add_argument(
            "--admin", action="store_true", help="looks after accounts; the first one sees every matter"
        )
    if name in ("add", "password"):
        parser.add_argument("--password-stdin", action="store_true", help="read the password from stdin, one line")
    if name in ("grant", "deny", "withdraw"):
        parser.add_argument("matter", metavar="MATTER", nargs="+", help="its name, or '*' for every matter")
    if name == "link":
        parser.add_argument("subject", metavar="SUBJECT", help="the claim sub, as the log of refused sign-ins has it")
    if name == "token":
        parser.add_argument("--label", required=True, help="what it is for")
        parser.add_argument("--days", type=_number, default=90, help="how long it opens anything (default 90)")
        parser.add_argument(
            "--metrics", action="store_true", help="opens /metrics alone; for an administrator's account"
        )
    if name == "revoke":
        parser.add_argument("token", metavar="NUMBER", type=_number, help="as `user tokens` lists it")


def _add_audit(parsers: Any, command: Command) -> None:
    audit = parsers.add_parser("audit", help="who did what")
    actions = audit.add_subparsers(metavar="ACTION", required=True)
    verify = command(actions, "verify", "check that no row was edited, removed, inserted or moved")
    verify.add_argument(
        "--head", metavar="HASH", help="hash noted earlier: it must still be there, else the tail was cut"
    )
    verify.set_defaults(command=commands.audit_verify)
    listing = command(actions, "list", "the latest rows, newest first")
    listing.add_argument("--since", metavar="DATE", help="a day or a moment in UTC, YYYY-MM-DD or YYYY-MM-DDTHH:MM")
    listing.add_argument("--user", help="only what this account did")
    listing.add_argument("--what", help="only this kind: search, view, export, …")
    listing.add_argument("--matter", help="only what concerns this matter")
    listing.add_argument("--limit", type=_number, default=100, help="rows to show (default 100)")
    listing.set_defaults(command=commands.audit_list)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is 0 to 65535")
    return number


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number < 2**31:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number
