"""`muniment doctor`: what is installed, which models would be used, and what would leave the machine."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pipeline.confinement import observed
from pipeline.errors import IndexUnavailable, MunimentError
from pipeline.loopback import is_loopback
from pipeline.report import table

if TYPE_CHECKING:
    from pipeline.frontier.gate import Destination
    from pipeline.settings import Settings

__all__ = ["Check", "examine", "examine_text", "probe_frontier"]

PACKAGES = (
    "muniment",
    "pymupdf-lite",
    "pillow",
    "tesserocr",
    "transformers",
    "torch",
    "colpali-engine",
    "qdrant-edge-py",
    "qdrant-client",
    "prefect",
    "anthropic",
    "sqlalchemy",
)
SECONDS = 5  # to wait for a server
TERMS = "November 2026"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: `ok` is False only for what keeps the pipeline from working."""

    name: str
    ok: bool
    detail: str


def examine(settings: Settings) -> dict[str, Any]:
    """Everything `doctor` knows; `ok` is False when something needed is missing or broken."""
    missing = observed(settings)
    checks = [*_checks(settings), _confinement(settings, missing)]
    return {
        "ok": all(check.ok for check in checks),
        "home": str(settings.root),
        "python": sys.version.split()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "packages": {name: _version(name) for name in PACKAGES},
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks],
        "confinement_missing": missing,
        "models": _models(settings),
        "leaves_the_machine": _leaves(settings),
    }


def examine_text(found: dict[str, Any]) -> str:
    """The examination as text."""
    checks = [("ok" if c["ok"] else "PROBLEM", c["name"], c["detail"]) for c in found["checks"]]
    models = [
        (m["role"] or "-", m["name"], m["source"], f"{m['parameters'] / 1e6:.1f} M parameters", m["problem"])
        for m in found["models"]
    ]
    parts = [
        f"Muniment on Python {found['python']}, {found['machine']}, home {found['home']}",
        "Checks\n" + table(checks),
        "Packages\n" + table(list(found["packages"].items())),
        "Models\n" + table(models),
        "What would leave this machine\n" + "\n".join(f"  {line}" for line in found["leaves_the_machine"]),
    ]
    if "frontier" in found:
        from pipeline.frontier.probe import probe_text

        parts.append("Frontier model\n" + probe_text(found["frontier"]))
    return "\n\n".join(parts)


def probe_frontier(settings: Settings) -> dict[str, Any]:
    """What the frontier model's server really does: asked with a page of our own, at the cost it says (`probe.py`).

    `UsageError` when none is configured.
    """
    from dataclasses import asdict

    from pipeline.frontier.probe import probe
    from pipeline.wiring import open_tools

    with open_tools(settings) as tools:
        setup = tools.frontier.setup
        run = tools.catalog.start_run("probe")
        status = "failed"
        try:
            found = probe(setup, tools.ledger, run)
            status = "finished"
        finally:
            tools.catalog.finish_run(run, {}, {}, status)
    return {**asdict(found), "cost": str(found.cost), "ok": found.ok}


def _checks(settings: Settings) -> Iterator[Check]:
    yield _try("home", lambda: _home(settings))
    yield _try("catalog", lambda: _catalog(settings))
    yield _try("store", lambda: _store(settings))
    yield _try("ocr", lambda: _ocr(settings))
    yield _try("text model", _text_model)
    yield _try("triage model", lambda: _model(settings.triage_model, settings, "none: pages are routed by signals"))
    yield _try("local extraction", lambda: _model(settings.extract_model, settings, "rules only: no generative VLM"))
    yield _try("page images", lambda: _model(settings.page_model, settings, "none: search uses text, not page images"))
    yield _try("index", lambda: _index(settings))
    yield _try("frontier", lambda: _frontier_check(settings))
    yield _try("sign-in", lambda: _sign_in(settings))
    yield _try("notices", lambda: _notices(settings))


def _try(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except (MunimentError, OSError, ImportError) as error:
        return Check(name, False, str(error))


def _confinement(settings: Settings, missing: Mapping[str, str]) -> Check:
    """What the processes that open documents are kept from, as one of them just saw it."""
    if not missing:
        return Check("workers", True, "confined: no network, no other program, no file but the program and the store")
    usable = settings.confinement == "available" and "workers" not in missing
    return Check("workers", usable, "not wholly confined: " + "; ".join(missing.values()))


def _home(settings: Settings) -> str:
    folder = settings.root
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} can't be written")
    free = shutil.disk_usage(folder).free / 2**30
    if free * 1024 < settings.min_free_mb:
        raise OSError(f"only {free:.1f} GiB free under {folder}: nothing is taken in (MUNIMENT_MIN_FREE_MB)")
    return f"{free:.0f} GiB free" + ("" if settings.root.exists() else ", nothing there yet")


def _catalog(settings: Settings) -> str:
    from pipeline.catalog import Catalog

    engine = settings.catalog_url.partition(":")[0]
    if not settings.database_url and not (settings.root / "catalog.sqlite").exists():
        return f"{engine}, made at the first ingest"
    with Catalog.open(settings.catalog_url) as catalog:
        return f"{engine}, {len(catalog.documents())} documents"


def _store(settings: Settings) -> str:
    if not settings.store_url:
        return "in the home"
    from pipeline.remote import RemoteStore, open_store

    store = open_store(settings.store_url, settings.store_dir, settings.store_cache_mb)
    if isinstance(store, RemoteStore):
        store.ask()
        return f"{settings.store_url} answers"
    if not os.access(store.root, os.W_OK):
        raise PermissionError(f"{store.root} can't be written")
    return f"shared folder {store.root}, {shutil.disk_usage(store.root).free / 2**30:.0f} GiB free"


def _ocr(settings: Settings) -> str:
    import tesserocr

    from pipeline.backends.ocr import tessdata_folder

    tessdata_folder(settings.tessdata, settings.language)
    return f"{tesserocr.tesseract_version().splitlines()[0]}, language {settings.language}"


def _text_model() -> str:
    from pipeline.models import minilm_path

    minilm_path()
    return "all-MiniLM-L6-v2, bundled, SHA-256 checked"


def _model(name: str, settings: Settings, without: str) -> str:
    from pipeline.models import resolve

    if not name:
        return without
    return f"{name}: {resolve(name, settings.models_dir).name}, hashes hold"


def _index(settings: Settings) -> str:
    if not settings.qdrant_url:
        return f"embedded Qdrant engine {_version('qdrant-edge-py')}, in the home"
    from pipeline.backends.qdrant import connect

    host = _host(settings.qdrant_url)
    try:
        key = settings.qdrant_api_key.get_secret_value()
        client = connect(settings.qdrant_url, key, SECONDS, settings.qdrant_ca)
        there = client.collection_exists(settings.collection)
    except Exception as error:  # qdrant-client lets any of its transports' errors through
        raise IndexUnavailable(f"the Qdrant server at {host} can't be reached") from error
    return f"Qdrant server at {host}, collection {'is there' if there else 'is made at the first ingest'}"


def _sign_in(settings: Settings) -> str:
    from pipeline.access.issuer import issuer_of

    issuer = issuer_of(settings)
    if issuer is None:
        return "by password"
    issuer.check()
    who = f"members of {settings.oidc_group}" if settings.oidc_group else "anybody it knows"
    return f"by password, or through {settings.oidc_issuer}: {who}, seeing nothing until it is granted"


def _models(settings: Settings) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from pipeline.models import installed

    return [asdict(model) | {"path": str(model.path)} for model in installed(settings.models_dir)]


def _leaves(settings: Settings) -> list[str]:
    lines = list(_frontier(settings))
    if settings.qdrant_url:
        lines.append(f"page vectors and page text go to the Qdrant server at {_host(settings.qdrant_url)}")
    if settings.store_url:
        lines.append(f"originals and page images are kept at {settings.store_url}")
    if settings.database_url:
        lines.append(f"the catalog is kept at {_host(settings.database_url)}")
    if settings.prefect_api_url:
        where = _host(settings.prefect_api_url)
        named = ", names" if is_loopback(where) else ""
        lines.append(f"flows report ids{named} and states of documents to the Prefect server at {where}")
    if settings.oidc_issuer:
        lines.append(f"who signs in through {_host(settings.oidc_issuer)} is sent there; it learns when, and no more")
    lines += _told(settings)
    lines.append("models: downloaded only by `muniment models pull`, never behind your back")
    return lines


def _told(settings: Settings) -> Iterator[str]:
    """Where notices go, and what they say."""
    from pipeline.telling.webhook import host_of

    ways = [host_of(settings.webhook_url)] if settings.webhook_url else []
    ways += [f"{settings.mail_to} by way of {settings.smtp_host}"] if settings.mail_to else []
    if ways:
        what = "file names, reasons, ids" if settings.notice_names else "ids"
        yield f"notices ({what}, counts and matter names, no text of a document) go to {' and '.join(ways)}"


def _notices(settings: Settings) -> str:
    """The settings of webhook and e-mail, looked at without sending anything."""
    from pipeline.telling import mail, webhook

    if settings.webhook_url:
        webhook.check(settings.webhook_url)
    if settings.mail_to:
        mail.check(settings)
    ways = ["webhook"] * bool(settings.webhook_url) + ["e-mail"] * bool(settings.mail_to)
    if not ways:
        return "nobody is told: neither webhook nor e-mail is configured"
    plain = " (unencrypted)" if settings.webhook_url.startswith("http:") else ""
    return f"by {' and '.join(ways)}{plain}; `muniment notices --test` tries"


def _frontier_check(settings: Settings) -> str:
    """The settings of the frontier model, looked at without sending anything."""
    from pipeline.frontier.gate import destination_of
    from pipeline.frontier.models import model_of

    if not settings.frontier_url:
        return "none configured: pages that need it are kept as awaiting escalation"
    place = destination_of(settings.frontier_url, settings.frontier_kind, settings.frontier_residency)
    model = model_of(settings.frontier_model, settings.frontier_prices, free=place.kind == "self-hosted")
    return f"{model.id} at {place.host}, {model.input}/{model.output} USD a million tokens in/out"


def _frontier(settings: Settings) -> Iterator[str]:
    """What goes to the frontier model, of which matters, and what stays there; told without asking it."""
    from pipeline.frontier.gate import destination_of
    from pipeline.frontier.prompts import EDGE_WORDS

    if not settings.frontier_url:
        yield "pages, words and images: nothing, no frontier model is configured"
        return
    destination = destination_of(settings.frontier_url, settings.frontier_kind, settings.frontier_residency)
    where = f"{settings.frontier_model} at {destination.host} ({destination.kind}"
    where += f", {destination.residency})" if destination.residency else ", residency not stated)"
    try:
        names = _allowing(settings, destination)
    except MunimentError as error:
        yield f"pages that wait for {where}: which matters allow it is unknown, {error}"
        return
    if not names:
        yield f"pages, words and images: nothing; no matter lets its pages go to {where}"
        return
    yield (
        "of each page that waits for the frontier model its image (or its words, where they say all the image would) "
        f"and up to {EDGE_WORDS} words of each page beside it, to {where}"
    )
    yield f"matters that allow it: {', '.join(names)}"
    yield from _kept(destination, batches=settings.frontier_profile == "claude")


def _allowing(settings: Settings, destination: Destination) -> list[str]:
    """The matters whose pages may go there, with how much of theirs waits."""
    from pipeline.catalog import Catalog
    from pipeline.frontier.gate import Policies
    from pipeline.types import DocumentStatus

    with Catalog.open(settings.catalog_url) as catalog:
        policies = Policies(catalog.database)
        names = [name for name in policies.all() if policies.allows(name, destination)]
        documents = catalog.documents(names) if names else []
    waiting = Counter(one.matter for one in documents if one.status is DocumentStatus.AWAITING)
    return [f"{name} ({waiting[name]} documents wait)" if waiting[name] else name for name in names]


def _kept(destination: Destination, *, batches: bool) -> Iterator[str]:
    """What stays there, as far as it is known here."""
    from pipeline.frontier.gate import is_provider

    if destination.kind == "self-hosted":
        yield "what that server logs or keeps is the firm's own setting; Muniment can't see it"
    elif not is_provider(destination):
        yield "what that provider keeps stands in the firm's agreement with it; Muniment can't see it"
    else:
        yield f"what the provider keeps, by its public terms of {TERMS}; the firm's agreement may say otherwise:"
        yield "  requests and answers for up to 30 days, longer where the law or its usage policy wants it (what is"
        yield "  flagged: 2 years), not at all under zero data retention; they train no model unless that was agreed"
        if batches:
            yield "  with --batch also page images, as files until Muniment deletes them once the batch is settled, and"
            yield "  the batch's results for 29 days; zero data retention does not cover these two"


def _host(url: str) -> str:
    """The host alone: a URL may hold a password."""
    from urllib.parse import urlsplit

    return urlsplit(url).hostname or "this machine"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
