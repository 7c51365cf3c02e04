"""What is done about people, by an administrator's page or on the command line: each act is recorded in the log."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.access.accounts import Accounts, User
from pipeline.access.audit import Audit
from pipeline.access.grants import EVERY, Grants
from pipeline.access.sessions import TOKEN_DAYS, Scope, Sessions
from pipeline.errors import NotFound, UsageError

__all__ = ["People"]


@dataclass(frozen=True, slots=True)
class People:
    """The acts of `who`, an account's name or a user of the machine."""

    who: str
    accounts: Accounts
    grants: Grants
    sessions: Sessions
    audit: Audit

    def add(self, name: str, password: str, *, admin: bool = False) -> User:
        """A new account, which sees nothing yet; but the first admin sees every matter: somebody has to."""
        first = admin and not self.accounts.any()
        return self._added(self.accounts.add(name, password, admin=admin), everything=first)

    def add_first(self, name: str, password: str) -> User:
        """The admin of a home without accounts; `UsageError` when it has one."""
        return self._added(self.accounts.add(name, password, admin=True, first=True), everything=True)

    def add_subject(self, name: str, issuer: str, subject: str) -> User:
        """The account of somebody who came through an issuer for the first time; it sees nothing yet."""
        user = self.accounts.add_subject(name, issuer, subject)
        self.audit.record(self.who, "account", user.name, {"done": "added", "issuer": issuer, "subject": subject})
        return user

    def link(self, user: User, issuer: str, subject: str) -> None:
        """The issuer's subject leads to this account from now on."""
        self.accounts.link(user.id, issuer, subject)
        self.audit.record(self.who, "account", user.name, {"done": "linked", "issuer": issuer, "subject": subject})

    def set_disabled(self, user: User, *, disabled: bool) -> None:
        """The account may not, or may again, sign in."""
        (self.accounts.disable if disabled else self.accounts.enable)(user.id)
        self.audit.record(self.who, "account", user.name, {"done": "disabled" if disabled else "enabled"})

    def set_password(self, user: User, password: str) -> None:
        """A new password; every session of the account ends."""
        self.accounts.set_password(user.id, password)
        self.audit.record(self.who, "account", user.name, {"done": "password changed"})

    def grant(self, user: User, matter: str, *, allowed: bool) -> None:
        """Allow or deny a matter, or every matter."""
        grant = self.grants.set(user.id, matter, allowed=allowed)
        self._granted(user, grant.matter, "allowed" if allowed else "denied")

    def withdraw(self, user: User, matter: str) -> None:
        """Neither allowed nor denied any more; `NotFound` when it was neither."""
        if not self.grants.withdraw(user.id, matter):
            raise NotFound("this matter was neither allowed nor denied")
        self._granted(user, matter, "withdrawn")

    def give_token(self, user: User, label: str, days: int = TOKEN_DAYS, scope: Scope = "") -> str:
        """A new API token of the account, shown here and never again. `UsageError` for one that opens the metrics of
        the whole machine and is no administrator's."""
        if scope == "metrics" and not user.admin:
            raise UsageError("metrics are of the whole machine: their token is for an administrator's account")
        secret = self.sessions.give(user.id, label, days, scope)
        self.audit.record(self.who, "token", user.name, {"done": "given", "label": label, "days": days})
        return secret

    def revoke(self, user: User, token: int) -> None:
        """The token opens nothing from now on."""
        self.sessions.revoke(user.id, token)
        self.audit.record(self.who, "token", user.name, {"done": "revoked", "token": token})

    def _added(self, user: User, *, everything: bool) -> User:
        self.audit.record(self.who, "account", user.name, {"done": "added", "admin": user.admin})
        if everything:
            self.grant(user, EVERY, allowed=True)
        return user

    def _granted(self, user: User, matter: str, done: str) -> None:
        self.audit.record(self.who, "grant", user.name, {"done": done, "matter": matter})
