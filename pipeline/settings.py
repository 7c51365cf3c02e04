"""The only reader of the environment: every `MUNIMENT_*` variable and its embedded default.

What a container or systemd is given as a secret is a file named like its variable, in lower or upper case; a variable
that is set wins.

Nothing else in the house looks at `os.environ`; what a stage needs is passed to it as an argument.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import UsageError

__all__ = ["Settings", "load_settings"]

NO_MODEL = "none"
SECRETS = Path("/run/secrets")  # where Docker and Podman put them
CREDENTIALS = "CREDENTIALS_DIRECTORY"  # where systemd says that it has put them (LoadCredential=)


class Settings(BaseSettings):
    """All settings; `MUNIMENT_HOME=/srv/muniment` sets `home`, and so on for each name below."""

    model_config = SettingsConfigDict(env_prefix="MUNIMENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(Path("~/.muniment"), description="where everything is kept")
    matter: str = Field("default", description="matter of a file given without --matter and without a folder")
    database_url: str = Field(
        "", repr=False, description="catalog; empty: SQLite in the home, or postgresql+psycopg://…"
    )
    store_url: str = Field(
        "", description="originals and page images; empty: in the home, or file:///shared/folder, or s3://bucket/prefix"
    )
    store_cache_mb: int = Field(20_480, ge=1, description="size of the home's cache of a bucket, MiB")
    lease_seconds: float = Field(
        60.0, ge=1, description="time after which a document of a machine that died or hangs is another's (PostgreSQL)"
    )
    qdrant_url: str = Field("", description="a Qdrant server; empty: the engine embedded in the home")
    qdrant_api_key: SecretStr = Field(SecretStr(""), description="key of that server")
    qdrant_ca: Path | None = Field(
        None, description="certificates (PEM) of the authority it is checked against; empty: the system's"
    )
    collection: str = Field("muniment", description="name of the index collection")

    inbox: Path | None = Field(None, description="the drop folder; empty: inbox in the home")
    poll_seconds: float = Field(2.0, gt=0, description="how often the watcher looks into it")
    settle_seconds: float = Field(10.0, gt=0, description="time a file must stand still before it is taken")
    patience_seconds: float = Field(
        300.0, gt=0, description="time a file that does not open whole must stand still before it is refused"
    )
    min_free_mb: int = Field(2048, ge=0, description="free disk space under which the watcher takes nothing, MiB")

    workers: int = Field(os.cpu_count() or 1, ge=1, description="worker processes for rendering and OCR")
    documents_at_once: int = Field(2, ge=1, description="documents worked on side by side")
    worker_memory_mb: int = Field(2048, ge=256, description="address space a worker may take, MiB")
    page_seconds: float = Field(60.0, gt=0, description="time a worker may spend on one page")
    document_seconds: float = Field(
        21600.0, gt=0, description="time workers may spend on one document; its other pages are then held"
    )
    worker_tasks: int = Field(200, ge=1, description="pages after which a worker is replaced")
    confinement: Literal["available", "required"] = Field(
        "available", description="required: read nothing where workers can't be confined wholly"
    )
    max_pages: int = Field(5000, ge=1, description="pages above which a document is held")
    max_depth: int = Field(100, ge=4, description="levels of page tree or page object above which a document is held")
    max_attachments: int = Field(100, ge=0, description="attached files above which a document is held")
    max_file_mb: int = Field(1024, ge=1, description="size above which a document is held, MiB")
    max_picture_pixels: int = Field(
        150_000_000, ge=1_000_000, description="pixels above which a picture, or a page of a TIFF, is held"
    )
    max_page_points: float = Field(7200.0, gt=0, description="page edge above which a page is held, points")
    dpi: int = Field(200, ge=72, le=600, description="resolution at which pages are rendered")
    max_pixels: int = Field(40_000_000, ge=1_000_000, description="pixels above which a render is scaled down")

    language: str = Field("eng", description="Tesseract language(s) of the firm's documents, e.g. eng+deu")
    tessdata: Path | None = Field(None, description="folder of *.traineddata; empty: the installed packages'")

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the models run")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="weights in memory")
    quantization: Literal["none", "int8", "int4"] = Field("none", description="weights of the VLM, CUDA only")
    batch: int = Field(8, ge=1, description="pages in one model batch")
    triage_model: str = Field(
        "muniment-triage",
        description="small VLM that answers triage's questions: a bundled or pulled name, or a folder; none: no VLM",
    )
    extract_model: str = Field("", description="generative local VLM that fills the page schema; empty: none")
    page_model: str = Field(
        "", description="ColPali-family page-image model: a bundled or pulled name, or a folder; empty: none"
    )
    page_images: Literal["hard", "all", "night"] = Field(
        "hard",
        description="pages whose image is embedded as they come in: hard (those that read badly), all, or night (none)",
    )
    page_image_hours: float = Field(4.0, ge=0, description="time a night may spend on the images that wait, hours")

    # Both stand at the knee of field F1 against cost (infra/measure/escalation.py: 12 documents of the tuning halves of
    # cuad, kleister_nda and vrdu_adbuy, as PDFs and as office, harsh and fax scans): from 0.7 to 0.85 a twelfth of the
    # pages more is escalated and mends most of what is worth it; from 0.95 on the clean scans go, too.
    escalate_below: float = Field(0.85, ge=0, le=1, description="OCR confidence under which a page needs more")
    field_threshold: float = Field(0.7, ge=0, le=1, description="confidence under which a required field escalates")
    frontier_url: str = Field("", description="frontier model's address (Claude or compatible); empty: none")
    frontier_key: SecretStr = Field(SecretStr(""), description="its API key")
    frontier_model: str = Field("claude-sonnet-5-5", description="model asked for at that address")
    frontier_kind: Literal["cloud", "self-hosted"] = Field("cloud", description="whose machine that address is")
    frontier_profile: Literal["claude", "vllm", "sglang", "llamacpp", "ollama", "plain"] = Field(
        "plain", description="what the server can do; plain is right for any"
    )
    frontier_residency: str = Field("", description="where that machine keeps data, in words, for logs and doctor")
    frontier_region: str = Field(
        "", description="where inference is kept, as the API's inference_geo names it (us); empty: as the account says"
    )
    frontier_prices: str = Field("", description="INPUT/OUTPUT in USD a million tokens; empty: the table's")
    frontier_at_once: int = Field(4, ge=1, le=64, description="calls at once, at most")
    frontier_seconds: float = Field(300.0, gt=0, description="time one call may take")
    budget_run: Decimal | None = Field(None, ge=0, description="USD one run may spend; empty: no bound")
    budget_day: Decimal | None = Field(None, ge=0, description="USD one day may cost; empty: no bound")
    budget_matter: Decimal | None = Field(None, ge=0, description="USD one matter may cost; empty: no bound")
    oidc_issuer: str = Field("", description="OpenID Connect issuer that vouches for people; empty: passwords only")
    oidc_client_id: str = Field("", description="what this application is called there")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="its secret there; empty: a public client")
    oidc_name: str = Field("preferred_username", min_length=1, description="claim that names a new account")
    oidc_group: str = Field("", description="group one must be in (claim groups) to come in; empty: anybody it knows")
    oidc_scope: str = Field("openid profile", description="scopes asked for there")
    public_url: str = Field("", description="the web application's address, for links in notices; empty: no link")
    notice_names: bool = Field(False, description="whether file names and reasons leave the machine with a notice")
    webhook_url: str = Field("", description="http(s) address that notices are posted to; empty: none")
    webhook_secret: SecretStr = Field(SecretStr(""), description="key of the signature in Muniment-Signature")
    webhook_seconds: float = Field(10.0, gt=0, description="time one post may take")
    mail_to: str = Field("", description="who gets notices by e-mail, separated by commas; empty: nobody")
    mail_from: str = Field("", description="their sender")
    smtp_host: str = Field("", description="mail server")
    smtp_port: int = Field(587, ge=1, le=65535, description="its port")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how it is spoken to; none: this machine only"
    )
    smtp_user: str = Field("", description="name to sign in with there; empty: without")
    smtp_password: SecretStr = Field(SecretStr(""), description="password of that name")
    report_days: int = Field(30, ge=1, description="days after which a run's report is removed")
    log: Literal["text", "json"] = Field("text", description="form of the log on stderr")
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="least severity logged")
    prefect_api_url: str = Field(
        "", validation_alias="PREFECT_API_URL", description="Prefect's own setting, for doctor"
    )
    ingest_seconds: int = Field(300, ge=10, description="how often `up` looks for documents that are not worked off")
    nightly: str = Field("0 2 * * *", description="when `up` makes the nightly run, as cron has it")
    timezone: str = Field("", description="of that time, e.g. Europe/Berlin; empty: this machine's")
    nightly_batch: bool = Field(False, description="the nightly run escalates by batches, at half price")
    golden: Path | None = Field(None, description="golden set that the nightly run measures; empty: none")
    index_idle_seconds: float = Field(60.0, ge=1, description="idle time after which the index owner ends")

    @field_validator("triage_model", "extract_model", "page_model")
    @classmethod
    def _none_is_none(cls, value: str) -> str:
        """An empty variable is taken for one that is not set, so that a default can only be taken back by a word."""
        return "" if value == NO_MODEL else value

    @field_validator("nightly")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError("five fields are wanted: minute hour day month weekday")
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value or "UTC")
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no such time zone: {value[:40]}") from error
        return value

    @property
    def root(self) -> Path:
        """The home, expanded and absolute."""
        return self.home.expanduser().absolute()

    @property
    def store_dir(self) -> Path:
        """Where workers find blobs and leave them: the store's folder, or the one before a bucket."""
        if self.store_url.startswith("file:"):
            return Path(unquote(urlsplit(self.store_url).path))
        return self.root / ("store-cache" if self.store_url else "store")

    @property
    def catalog_url(self) -> str:
        """The catalog's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.root / 'catalog.sqlite'}"

    @property
    def run_dir(self) -> Path:
        """Where running processes are written down."""
        return self.root / "run"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the nightly run."""
        return ZoneInfo(self.timezone or _zone_here())

    @property
    def inbox_dir(self) -> Path:
        """The drop folder, absolute."""
        return self.inbox.expanduser().absolute() if self.inbox else self.root / "inbox"

    @property
    def models_dir(self) -> Path:
        """Where `muniment models pull` puts checkpoints."""
        return self.root / "models"


def _zone_here() -> str:
    """The machine's zone by its IANA name, which its clock's offset alone does not tell; UTC where it has none."""
    place = str(Path("/etc/localtime").resolve())
    return place.partition("/zoneinfo/")[2] or "UTC"


def load_settings(**overrides: object) -> Settings:
    """The settings from the environment and from files of secrets; a wrong one is a `UsageError` that names its
    variable."""
    folders = [folder for folder in (SECRETS, Path(os.environ.get(CREDENTIALS, "/nowhere"))) if folder.is_dir()]
    try:
        return Settings(_secrets_dir=folders or None, **overrides)  # type: ignore[arg-type, call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        name = "MUNIMENT_" + str(first["loc"][0]).upper()
        raise UsageError(f"{name}: {first['msg']}") from error
