"""The commands around the search page: serve, user …, audit …."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.access.accounts import User
    from pipeline.access.audit import Entry
    from pipeline.access.people import People
    from pipeline.access.sessions import Scope
    from pipeline.wiring import Tools

__all__ = [
    "audit_list",
    "audit_verify",
    "serve",
    "user_act",
    "user_add",
    "user_decide",
    "user_link",
    "user_list",
    "user_password",
    "user_revoke",
    "user_token",
    "user_tokens",
]

BROKEN_EXIT = 1


def serve(arguments: argparse.Namespace) -> NoReturn:
    """The search page, until Ctrl-C."""
    from pipeline.settings import load_settings
    from pipeline.web.serve import Serving
    from pipeline.web.serve import serve as answer

    serving = Serving(
        arguments.port,
        arguments.host,
        arguments.tls_cert,
        arguments.tls_key,
        arguments.behind_proxy or "",
        tuple(arguments.name or ()),
    )
    answer(load_settings(), serving)


def user_list(arguments: argparse.Namespace) -> int:
    """The accounts and what each may see."""
    from pipeline.report import table

    with _people() as (tools, _):
        users = [(user, tools.grants.of(user.id)) for user in tools.accounts.all()]
    payload = [
        asdict(user) | {"grants": [{"matter": grant.matter, "allowed": grant.allowed} for grant in grants]}
        for user, grants in users
    ]
    rows = [
        (user.name, _rank(user), ", ".join(("" if grant.allowed else "not ") + grant.matter for grant in grants) or "-")
        for user, grants in users
    ]
    text = table([("NAME", "", "MATTERS"), *rows]) if rows else "no account: muniment user add NAME --admin"
    return _print(arguments, {"users": payload}, text)


def user_add(arguments: argparse.Namespace) -> int:
    """A new account; its password is asked for, never an argument: other users of the machine can read those."""
    from pipeline.access.accounts import clean_person

    clean_person(arguments.name)
    with _people() as (tools, people):
        user = people.add(arguments.name, _password(arguments), admin=arguments.admin)
        everything = tools.grants.every_matter(user.id)
    sees = "every matter" if everything else "nothing yet: muniment user grant NAME MATTER"
    return _print(arguments, {"user": asdict(user)}, f"{user.name} is added and sees {sees}")


def user_password(arguments: argparse.Namespace) -> int:
    """Another password; every session of the account ends."""
    with _people() as (tools, people):
        people.set_password(user := tools.accounts.user(arguments.name), _password(arguments))
    return _print(arguments, {"user": asdict(user)}, f"the password of {user.name} is changed, its sessions have ended")


def user_act(arguments: argparse.Namespace) -> int:
    """Disable an account, or enable it again."""
    with _people() as (tools, people):
        people.set_disabled(user := tools.accounts.user(arguments.name), disabled=arguments.disabled)
    return _print(arguments, {"user": user.name, "disabled": arguments.disabled}, f"{user.name}: {arguments.action}d")


def user_link(arguments: argparse.Namespace) -> int:
    """The configured issuer's subject leads to this account from now on."""
    from pipeline.errors import UsageError

    with _people() as (tools, people):
        if tools.issuer is None:
            raise UsageError("MUNIMENT_OIDC_ISSUER is not set: whose subject is it?")
        people.link(user := tools.accounts.user(arguments.name), tools.settings.oidc_issuer, arguments.subject)
    text = f"{user.name} signs in through {tools.settings.oidc_issuer} as {arguments.subject}"
    return _print(arguments, {"user": user.name, "subject": arguments.subject}, text)


def user_decide(arguments: argparse.Namespace) -> int:
    """Allow or deny matters, or take such a decision back."""
    with _people() as (tools, people):
        user = tools.accounts.user(arguments.name)
        for matter in arguments.matter:
            if arguments.action == "withdraw":
                people.withdraw(user, matter)
            else:
                people.grant(user, matter, allowed=arguments.action == "grant")
        sees, there = tools.grants.of(user.id), tools.grants.known_matters()
    grants = {grant.matter: grant.allowed for grant in sees}
    text = f"{user.name} may see " + (", ".join(m for m, yes in grants.items() if yes) or "nothing")
    if denied := ", ".join(matter for matter, yes in grants.items() if not yes):
        text += f"; denied: {denied}"
    if unknown := ", ".join(matter for matter in arguments.matter if matter not in (*there, "*")):
        text += f"\nno document is in {unknown} (yet)"
    return _print(arguments, {"user": user.name, "grants": grants}, text)


def user_token(arguments: argparse.Namespace) -> int:
    """A new API token, printed this once."""
    with _people() as (tools, people):
        user = tools.accounts.user(arguments.name)
        scope: Scope = "metrics" if arguments.metrics else ""
        token = people.give_token(user, arguments.label, arguments.days, scope)
    return _print(arguments, {"token": token}, token)


def user_tokens(arguments: argparse.Namespace) -> int:
    """The API tokens of an account, as they are listed: without their secrets."""
    from pipeline.report import table

    with _people() as (tools, _):
        tokens = tools.sessions.tokens(tools.accounts.user(arguments.name).id)
    rows = [
        (t.id, t.label, f"until {_day(t.expires)}", f"used {_day(t.seen)}" if t.seen else "never used") for t in tokens
    ]
    return _print(arguments, {"tokens": [asdict(token) for token in tokens]}, table(rows) if rows else "no token")


def user_revoke(arguments: argparse.Namespace) -> int:
    """The token opens nothing from now on."""
    with _people() as (tools, people):
        people.revoke(tools.accounts.user(arguments.name), arguments.token)
    return _print(arguments, {"revoked": arguments.token}, f"token {arguments.token} is revoked")


def audit_list(arguments: argparse.Namespace) -> int:
    """The latest rows of the log, newest first."""
    from pipeline.access.audit import Wanted
    from pipeline.report import table

    wanted = Wanted(arguments.since or "", arguments.user or "", arguments.what or "", arguments.matter or "")
    with _people() as (tools, _):
        entries = tools.audit.latest(wanted, arguments.limit)
    rows = [(entry.id, entry.at[:19], entry.who, entry.what, entry.subject, _told(entry)) for entry in entries]
    payload = [asdict(entry) | {"detail": entry.details} for entry in entries]
    return _print(arguments, {"rows": payload}, table(rows) if rows else "no row matches")


def audit_verify(arguments: argparse.Namespace) -> int:
    """Read the whole chain; exit code 1 when a row was edited, removed, inserted or moved, or `--head` is gone."""
    with _people() as (tools, _):
        found = tools.audit.verify(arguments.head or "")
    text = found.wrong or f"{found.rows} rows, each follows from the one before\nhead {found.head}"
    _print(arguments, asdict(found), text)
    return BROKEN_EXIT if found.wrong else 0


@contextmanager
def _people() -> Iterator[tuple[Tools, People]]:
    from pipeline.access.people import People
    from pipeline.wiring import open_tools

    with open_tools() as tools:
        who = f"{getpass.getuser()} (command line)"
        yield tools, People(who, tools.accounts, tools.grants, tools.sessions, tools.audit)


def _password(arguments: argparse.Namespace) -> str:
    from pipeline.errors import UsageError

    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask for the password: give it on stdin, with --password-stdin")
    password = getpass.getpass("Password (12 characters or more): ")
    if getpass.getpass("The same again: ") != password:
        raise UsageError("the two passwords differ")
    return password


def _rank(user: User) -> str:
    return ", ".join(["administrator"] * user.admin + ["disabled"] * user.disabled)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).date().isoformat()


def _told(entry: Entry) -> str:
    return " ".join(f"{name}={_value(value)}" for name, value in entry.details.items())


def _value(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _print(arguments: argparse.Namespace, payload: object, text: str) -> int:
    print(json.dumps(payload) if arguments.json else text)
    return 0
