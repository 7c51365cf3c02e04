"""Real pages with the answers to triage's questions that looking at them gave: see `answers/README.md` beside this."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.measure.corpora import Half
from infra.measure.labels import in_inbox, place
from pipeline.questions import QUESTIONS

__all__ = ["LABELS", "Seen", "seen", "turn"]

LABELS = Path(__file__).with_name("answers") / "labels.jsonl"


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that was looked at: page `number` (from 1) of the file with this SHA-256.

    `answers` holds a label of each of `QUESTIONS`, None where the page answers it with none or with several.
    """

    sha256: str
    number: int
    corpus: str
    document: str
    half: Half
    answers: Mapping[str, str | None] = field(hash=False)
    blank: bool

    @property
    def name(self) -> str:
        """The document with its corpus: what is resampled."""
        return f"{self.corpus}/{self.document}"

    def pdf(self, inbox: Path) -> Path:
        """Its document as a PDF in this folder; `ValueError` if the file is not the one that was looked at."""
        file = place(self.corpus, self.document)
        if hashlib.sha256(file.read_bytes()).hexdigest() != self.sha256:
            raise ValueError(f"{self.name} is not the file that was labelled")
        return in_inbox(file, inbox / self.corpus)


def seen(half: Half | None = None) -> list[Seen]:
    """The labelled pages of one half, or of both, in the order of the file."""
    pages = map(_page, LABELS.read_text("utf-8").splitlines())
    return [page for page in pages if half in (None, page.half)]


def _page(line: str) -> Seen:
    told: dict[str, Any] = json.loads(line)
    answers = {question.name: told[question.name] for question in QUESTIONS}
    where = (told["corpus"], told["document"], told["half"])
    return Seen(told["sha256"], told["page"], *where, answers, told["blank"] == "yes")


def turn(page: Seen) -> int:
    """The clockwise quarter turn in degrees at which the copy of a page is shown, drawn from its hash."""
    return 90 * (hashlib.sha256(f"{page.sha256}-{page.number}".encode()).digest()[0] % 4)
