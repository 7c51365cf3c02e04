"""The only reader of the environment: every `MUNIMENT_*` variable and its embedded default.

Nothing else in the house looks at `os.environ`; what a stage needs is passed to it as an argument.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.errors import UsageError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """All settings; `MUNIMENT_HOME=/srv/muniment` sets `home`, and so on for each name below."""

    model_config = SettingsConfigDict(env_prefix="MUNIMENT_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(Path("~/.muniment"), description="where everything is kept")
    matter: str = Field("default", description="matter of a file given without --matter and without a folder")
    database_url: str = Field(
        "", repr=False, description="catalog; empty: SQLite in the home, or postgresql+psycopg://…"
    )
    qdrant_url: str = Field("", description="a Qdrant server; empty: the engine embedded in the home")
    qdrant_api_key: SecretStr = Field(SecretStr(""), description="key of that server")
    collection: str = Field("muniment", description="name of the index collection")

    workers: int = Field(os.cpu_count() or 1, ge=1, description="worker processes for rendering and OCR")
    documents_at_once: int = Field(2, ge=1, description="documents worked on side by side")
    worker_memory_mb: int = Field(2048, ge=256, description="address space a worker may take, MiB")
    page_seconds: float = Field(60.0, gt=0, description="time a worker may spend on one page")
    worker_tasks: int = Field(200, ge=1, description="pages after which a worker is replaced")
    max_pages: int = Field(5000, ge=1, description="pages above which a document is held")
    max_file_mb: int = Field(1024, ge=1, description="size above which a document is held, MiB")
    max_page_points: float = Field(7200.0, gt=0, description="page edge above which a page is held, points")
    dpi: int = Field(200, ge=72, le=600, description="resolution at which pages are rendered")
    max_pixels: int = Field(40_000_000, ge=1_000_000, description="pixels above which a render is scaled down")

    language: str = Field("eng", description="Tesseract language(s) of the firm's documents, e.g. eng+deu")
    tessdata: Path | None = Field(None, description="folder of *.traineddata; empty: the installed packages'")

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the models run")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="weights in memory")
    quantization: Literal["none", "int8", "int4"] = Field("none", description="weights of the VLM, CUDA only")
    batch: int = Field(8, ge=1, description="pages in one model batch")
    triage_model: str = Field("", description="small VLM that answers triage's questions: folder or pulled name")
    extract_model: str = Field("", description="generative local VLM that fills the page schema; empty: none")
    page_model: str = Field("", description="ColPali-family page-image model; empty: none")

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
    prefect_api_url: str = Field(
        "", validation_alias="PREFECT_API_URL", description="Prefect's own setting, for doctor"
    )
    index_idle_seconds: float = Field(60.0, ge=1, description="idle time after which the index owner ends")

    @property
    def root(self) -> Path:
        """The home, expanded and absolute."""
        return self.home.expanduser().absolute()

    @property
    def catalog_url(self) -> str:
        """The catalog's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.root / 'catalog.sqlite'}"

    @property
    def models_dir(self) -> Path:
        """Where `muniment models pull` puts checkpoints."""
        return self.root / "models"


def load_settings(**overrides: object) -> Settings:
    """The settings from the environment; a wrong one is a `UsageError` that names its variable."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "MUNIMENT_" + str(first["loc"][0]).upper()
        raise UsageError(f"{name}: {first['msg']}") from error
