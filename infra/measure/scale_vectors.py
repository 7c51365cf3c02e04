"""Late-interaction vectors of real pages, as a stand-in for page-image vectors, and exact MaxSim over them.

No ColPali checkpoint can be fetched here, so page-image vectors of real pages are not to be had. The stand-in
has the same shape and the same arithmetic: one unit row of 128 a token of the page (all-MiniLM-L6-v2's last hidden
states, projected by a PCA fitted on the tuning half alone), at most 1,030 rows a page, which is what ColPali
makes of one; queries alike. Its rows have real semantics and real redundancy, but words are more distinct than
patches, of which many show empty paper: on patches, pooling should lose less.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.measure.corpora import CORPORA, Half, names

__all__ = ["DIMENSION", "Asked", "Page", "RealPages", "maxsim", "real_pages", "stacked"]

DIMENSION, MOST_ROWS = 128, 1030
CHUNK, BATCH = (
    254,
    16,
)  # tokens of one forward pass (with the model's two marks, what it was trained on); passes a batch
PLAIN = str.maketrans(dict.fromkeys('"“”', " "))  # the search language takes what stands in quotes for an exact phrase
SAMPLES = Path(__file__).resolve().parents[2] / "sample_docs"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its document's file name, its number from 1, its text, its half ("" outside the split sets)."""

    document: str
    number: int
    text: str
    half: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question across the corpus, the half of its document, and the indices of the right pages."""

    text: str
    half: str
    gold: frozenset[int]


@dataclass(frozen=True, slots=True)
class RealPages:
    """Pages and questions with their rows, (rows, 128) float32 of unit length each, in the same order."""

    pages: tuple[Page, ...]
    rows: tuple[np.ndarray, ...]
    questions: tuple[Asked, ...]
    asked_rows: tuple[np.ndarray, ...]

    def questions_of(self, half: Half) -> list[int]:
        """The numbers of the questions about documents of this half."""
        return [at for at, question in enumerate(self.questions) if question.half == half]


def real_pages(cache: Path) -> RealPages:
    """CUAD, Kleister-NDA and sample_docs (about 1,240 pages); the questions are CUAD's, put across the corpus.

    Embedding takes minutes, once: later calls read the pickle in the folder `cache`.
    """
    kept = cache / "late-interaction.pickle"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        pages = tuple(_pages())
        questions = tuple(_questions(pages))
        states = _states([page.text for page in pages] + [question.text for question in questions])
        middle, axes = _projection([rows for rows, page in zip(states, pages, strict=False) if page.half == "tuning"])
        rows = [_unit((state - middle) @ axes) for state in states]
        made = RealPages(pages, tuple(rows[: len(pages)]), questions, tuple(rows[len(pages) :]))
        kept.write_bytes(pickle.dumps(made))
    loaded: RealPages = pickle.loads(kept.read_bytes())  # written by this function
    return loaded


def stacked(pages: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all pages under each other, and where each page starts: what `maxsim` takes."""
    starts = np.cumsum([0, *(len(rows) for rows in pages[:-1])])
    return np.concatenate(pages), starts


def maxsim(query: np.ndarray, rows: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """(pages,) float32: for each query row its best row of the page, added up."""
    best = np.maximum.reduceat(query @ rows.T, starts, axis=1)
    scores: np.ndarray = best.sum(axis=0)
    return scores


def _pages() -> Iterator[Page]:
    for corpus in ("cuad", "kleister_nda"):
        for half in ("tuning", "reporting"):
            for name in names(corpus, half):
                yield from _of_pdf(CORPORA / corpus / "pdf" / name, half)
    for truth in sorted((SAMPLES / "inbox").glob("*/*.json")):
        document = json.loads(truth.read_text(encoding="utf-8"))
        for page in document["pages"]:
            if page["text"].strip():
                yield Page(document["document"], int(page["page"]), page["text"], "")


def _of_pdf(path: Path, half: str) -> Iterator[Page]:
    """The text layer as it is: these two corpora are known and harmless, so no worker process is asked."""
    import pymupdf

    with pymupdf.open(path) as document:
        for number, page in enumerate(document, 1):
            if text := " ".join(page.get_text().split()):
                yield Page(path.name, number, text, half)


def _questions(pages: Sequence[Page]) -> Iterator[Asked]:
    """CUAD's unambiguous ones, with the document's name and parties as the corpora's README asks them."""
    at = {(page.document, page.number): number for number, page in enumerate(pages)}
    halves = {page.document: page.half for page in pages}
    for line in (CORPORA / "cuad" / "page_queries.jsonl").read_text(encoding="utf-8").splitlines():
        entry: dict[str, Any] = json.loads(line)
        document = f"{entry['doc']}.pdf"
        gold = frozenset(at[document, page] for page in entry["gold_pages"] if (document, page) in at)
        if gold and not entry["span_repeats_in_doc"]:
            text = f"{entry['question']} {entry['doc_name']} {entry['parties']}"
            yield Asked(text.translate(PLAIN), halves[document], gold)


def _states(texts: Sequence[str]) -> list[np.ndarray]:
    """(tokens, 384) float32 a text: the last hidden states of its word pieces, without the model's own marks."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from pipeline.models import minilm_path

    folder = minilm_path()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.bfloat16).eval()
    tokens = [ids[:MOST_ROWS] for ids in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]]
    chunks = [(at, ids[start : start + CHUNK]) for at, ids in enumerate(tokens) for start in range(0, len(ids), CHUNK)]
    found: list[list[np.ndarray]] = [[] for _ in texts]
    order = sorted(range(len(chunks)), key=lambda number: len(chunks[number][1]))
    outputs: dict[int, np.ndarray] = {}
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        framed = [[tokenizer.cls_token_id, *chunks[number][1], tokenizer.sep_token_id] for number in batch]
        with torch.inference_mode():
            states = model(**tokenizer.pad({"input_ids": framed}, return_tensors="pt")).last_hidden_state.float()
        for number, state in zip(batch, states.numpy(), strict=True):
            outputs[number] = state[1 : len(chunks[number][1]) + 1]
    for number, (at, _) in enumerate(chunks):
        found[at].append(outputs[number])
    return [np.concatenate(parts) for parts in found]


def _projection(states: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and the 128 axes of largest variance."""
    rows = np.concatenate(states)[::7]
    middle = rows.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(rows - middle, rowvar=False))
    return middle, vectors[:, : -DIMENSION - 1 : -1].astype(np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    unit: np.ndarray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
