"""The one error tree. Each class says whether trying again can help and how the command exits.

    MunimentError                    exit 1
    ├── UsageError                   exit 2    the command line or a setting is wrong
    ├── DocumentRejected             exit 3    not a document we can ever read (not a PDF, encrypted, ...)
    ├── DocumentHeld                 exit 3    a person should look first (truncated, oversized, ...)
    │   ├── WorkerTimeout            exit 3    a page took longer than the limit
    │   └── WorkerDied               exit 3    a page killed its worker (memory, crash); may be retried
    ├── NotFound                     exit 4    no such document, page or file
    ├── Superseded                   exit 4    a later correction of the value was made meanwhile
    ├── CatalogError                 exit 5    the catalog can't be opened or is of another version
    │   └── CatalogBusy              exit 5    another process held it past the limit (retryable)
    ├── StoreError                   exit 5    a blob can't be kept or read (permissions, a bad disk)
    │   ├── DiskFull                 exit 5    no room for a blob or a temporary file
    │   └── StoreUnavailable         exit 5    the shared store can't be reached (retryable)
    ├── IndexMismatch                exit 6    the index was made by other models than are configured
    ├── IndexUnavailable             exit 6    the index or its server can't be reached (retryable)
    ├── ModelError                   exit 7    a model is missing, damaged or not what its record says
    ├── NotAllowed                   exit 8    the matter does not let its pages leave the machine
    ├── BudgetSpent                  exit 9    the next call could cost more than the budget has left
    │   └── MatterBudgetSpent        exit 9    the budget of one matter has; others go on
    ├── FrontierStopped              exit 10   the destination takes no more calls (key, account, address)
    ├── FrontierUnavailable          exit 10   the destination did not answer or failed (retryable)
    ├── IssuerUnavailable            exit 10   who vouches for people did not answer, or with nonsense (retryable)
    ├── NotSent                  exit 1    a notice could not be handed over (retryable)
    ├── AlreadyRunning               exit 11   another run of this kind is at work here (retryable)
    │   └── ClaimLost                exit 11   another worker took the document over (retryable)
    ├── OnHold                       exit 12   the matter is under legal hold: nothing of it is deleted
    └── Stopped                      exit 130  the run was ended while this was under way (retryable)

Exit code 3 also ends `muniment ingest` when the run itself went well but some documents were rejected
or held: the others are finished, the report names each.
"""

from __future__ import annotations

import errno
from typing import ClassVar

__all__ = [
    "AlreadyRunning",
    "BudgetSpent",
    "CatalogBusy",
    "CatalogError",
    "ClaimLost",
    "DiskFull",
    "DocumentHeld",
    "DocumentRejected",
    "FrontierStopped",
    "FrontierUnavailable",
    "IndexMismatch",
    "IndexUnavailable",
    "IssuerUnavailable",
    "MatterBudgetSpent",
    "ModelError",
    "MunimentError",
    "NotAllowed",
    "NotFound",
    "NotSent",
    "OnHold",
    "Stopped",
    "StoreError",
    "StoreUnavailable",
    "Superseded",
    "UsageError",
    "WorkerDied",
    "WorkerTimeout",
]


class MunimentError(Exception):
    """Root of the tree; its message is one line that a person can act on, free of document text."""

    retryable = False
    exit_code = 1


class UsageError(MunimentError):
    """The command line, a golden file or a setting is wrong."""

    exit_code = 2


class DocumentRejected(MunimentError):
    """The bytes are no document we can read, and trying again can't change that."""

    exit_code = 3


class DocumentHeld(MunimentError):
    """The document opens, but a person should look at it before anybody relies on it."""

    exit_code = 3


class WorkerTimeout(DocumentHeld):
    """A worker ran past its time limit on this document and was ended."""


class WorkerDied(DocumentHeld):
    """A worker crashed or was killed (memory) on this document."""

    retryable = True


class NotFound(MunimentError):
    """There is no such document, page or file."""

    exit_code = 4


class Superseded(MunimentError):
    """Somebody made a later correction of the same value; what was to be said was not kept."""

    exit_code = 4


class CatalogError(MunimentError):
    """The catalog can't be opened, is busy past its limit, or belongs to another version."""

    exit_code = 5


class CatalogBusy(CatalogError):
    """Another process held the catalog's lock past the busy limit."""

    retryable = True


class StoreError(MunimentError):
    """The store can't keep or read a blob: its permissions forbid it, or the disk fails."""

    exit_code = 5


class DiskFull(StoreError):
    """There is no room, for a blob or for temporary files: no document's fault, and it ends the run."""

    ERRNOS: ClassVar = (errno.ENOSPC, errno.EDQUOT)


class StoreUnavailable(StoreError):
    """The store that machines share can't be reached."""

    retryable = True


class IndexMismatch(MunimentError):
    """The index was made by other models than the configured ones; the message names the fix."""

    exit_code = 6


class IndexUnavailable(MunimentError):
    """The index, its owner process or its server can't be reached."""

    retryable = True
    exit_code = 6


class ModelError(MunimentError):
    """A model is missing, damaged, or differs from what was recorded when it was pulled."""

    exit_code = 7


class NotAllowed(MunimentError):
    """The matter's policy does not let its pages go to this destination; nothing was sent."""

    exit_code = 8


class BudgetSpent(MunimentError):
    """The next call could cost more than a budget has left; nothing was sent, the next run goes on."""

    exit_code = 9


class MatterBudgetSpent(BudgetSpent):
    """The budget of one matter is spent; pages of other matters can go on."""


class FrontierStopped(MunimentError):
    """The destination refuses this account or address; only a person can help, so no more calls are made."""

    exit_code = 10


class FrontierUnavailable(MunimentError):
    """The destination did not answer, or failed; the next run tries again."""

    retryable = True
    exit_code = 10


class IssuerUnavailable(MunimentError):
    """The OpenID Connect issuer did not answer, or answered nonsense; nobody came in."""

    retryable = True
    exit_code = 10


class NotSent(MunimentError):
    """A notice could not be handed to the server that was to carry it; it is tried again later."""

    retryable = True


class AlreadyRunning(MunimentError):
    """Another run of this kind is at work on this home; nothing was done, and it does what there is to do."""

    retryable = True
    exit_code = 11


class ClaimLost(AlreadyRunning):
    """Another worker took the document over while this one stood still; what this one learned last is not kept."""


class OnHold(MunimentError):
    """The matter is under legal hold; nothing of it is deleted until the hold is released."""

    exit_code = 12


class Stopped(MunimentError):
    """The run was ended by a person or a signal; nothing is wrong with the document."""

    retryable = True
    exit_code = 130
