"""What each stage asks of the retriever: the losses, and how much of it was right.

Page and query meet in one space of 128 numbers. Were it left to them to find it together, neither would have a firm
target for long; so in the first stages each word has a fixed place there, `code`: the sum of fixed random directions
of its letters' pairs and triples. Words spelt alike lie near each other, so that half-read is half-found, and a word
that was never seen has its place, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from zlib import crc32

import numpy as np
import torch
from colpali_engine.loss import ColbertLoss
from torch.nn import functional

from infra.train.retriever_data import NOTHING, Batch, Line
from infra.train.retriever_model import Retriever

__all__ = ["GOALS", "Outcome", "code", "letters", "phrases", "words"]

EMPTY = 0.1  # weight of a column without a letter: most are
TEMPERATURE, SHARP = 0.05, 0.02  # of a word's choice among cells; of a query's among pages, as colpali_engine has it
MOST = 48  # lines of a step whose text is read
TRIPLES = 0.7  # the weight of three letters that follow each other beside that of two
READ, FOUND = 0.3, 0.5  # weight of the letters beside the words; of the words, on page and in query, beside the phrases
Outcome = tuple[torch.Tensor, dict[str, float]]


def letters(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """The character in each column. Right: the share of columns under print whose character was named."""
    return _spelt(retriever, batch, retriever.read(maps))


def words(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """Each word's code chooses the cells it stands in among all cells of the batch, and each piece of text goes to the
    code of its word. Right: the share of codes whose best cell is one of theirs; how near the pieces came (cosine)."""
    read = retriever.read(maps)
    _, cells = retriever.pages(read, len(batch.pixels))
    found, right = _found(batch, cells)
    near, more = _near(retriever, batch)
    spelt, most = _spelt(retriever, batch, read)
    return found + near + READ * spelt, right | more | most


def phrases(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """colpali_engine's late-interaction loss over the batch's cuts, among them others of the same document. Right:
    the share of queries whose own cut scores best."""
    rows, cells = retriever.pages(retriever.read(maps), len(batch.pixels))
    found, more = _found(batch, cells)
    near, most = _near(retriever, batch)
    kept, more = FOUND * (found + near), more | most
    asked = [at for at, query in enumerate(batch.queries) if query]
    if not asked:
        return kept, more
    queries = functional.normalize(retriever.queries([batch.queries[at] for at in asked]).float(), dim=-1)
    order = asked + [at for at in range(len(rows)) if at not in asked]  # the loss takes page i to answer query i
    pages = functional.normalize(rows[order].float(), dim=-1)
    loss = ColbertLoss(temperature=SHARP, norm_tol=1.0)(queries, pages)  # a mean cosine may be below 0
    with torch.no_grad():
        best = torch.einsum("qnd,psd->qpns", queries, pages).amax(3).sum(2).argmax(1).cpu()
    right = float((best == torch.arange(len(asked))).float().mean())
    return loss + kept, {"phrases": right} | more


@lru_cache(maxsize=1 << 16)
def code(key: str, size: int) -> torch.Tensor:
    """A word's place among unit vectors, the same in every process."""
    framed = f"^{key}$"
    sizes = ((2, 1.0), (3, TRIPLES))
    parts = [(framed[at : at + long], share) for long, share in sizes for at in range(len(framed) - long + 1)]
    return torch.from_numpy(_unit(sum(share * _direction(part, size) for part, share in parts)))


def _spelt(retriever: Retriever, batch: Batch, read: torch.Tensor) -> Outcome:
    logits = retriever.letters(read).float().flatten(0, 1)
    wanted = batch.letters.to(logits.device).flatten()
    weights = torch.ones(logits.shape[1], device=logits.device)
    weights[NOTHING] = EMPTY
    loss = functional.cross_entropy(logits, wanted, weights)
    inked = wanted > NOTHING
    right = (logits.argmax(1) == wanted)[inked].float().mean() if inked.any() else torch.tensor(0.0)
    return loss, {"letters": float(right)}


def _direction(name: str, size: int) -> np.ndarray:
    return np.random.default_rng(crc32(name.encode())).standard_normal(size).astype(np.float32)


def _unit(row: np.ndarray) -> np.ndarray:
    return row / np.linalg.norm(row)


def _found(batch: Batch, cells: torch.Tensor) -> Outcome:
    """The choice of the words' codes among `cells`, (cuts, cells, 128)."""
    places, numbers = _places(batch.lines, len(batch.pixels), cells.shape[1])
    keys = [key for line in batch.lines for key in line.keys if key]
    if not keys:
        return cells.sum() * 0, {}
    codes = torch.stack([code(key, cells.shape[2]) for key in keys]).to(cells.device)
    wanted = places[[numbers[key] for key in keys]].to(cells.device)
    logits = codes @ functional.normalize(cells.float(), dim=-1).flatten(0, 1).T / TEMPERATURE
    loss = (logits.logsumexp(1) - logits.masked_fill(~wanted, -torch.inf).logsumexp(1)).mean()
    right = wanted.gather(1, logits.argmax(1, keepdim=True)).float().mean()
    return loss, {"words": float(right)}


def _near(retriever: Retriever, batch: Batch) -> Outcome:
    """How far the pieces of text are from the codes of their words."""
    lines = [line for line in batch.lines[:: -(-len(batch.lines) // MOST) or 1] if _says(line)]
    if not lines:
        return torch.zeros((), device=retriever.model.device), {}
    pieces, owners = retriever.pieces(lines)
    codes = torch.stack([code(lines[line].keys[word], pieces.shape[1]) for line, word in owners]).to(pieces.device)
    cosine = functional.cosine_similarity(pieces.float(), codes).mean()
    return 1 - cosine, {"near": float(cosine.detach())}


def _says(line: Line) -> bool:
    """Whether a letter or digit stands in it: of what has none, `pieces` has no row."""
    return any(letter.isalnum() for key in line.keys for letter in key)


def _places(lines: Sequence[Line], cuts: int, cells: int) -> tuple[torch.Tensor, dict[str, int]]:
    """(words, cells of all cuts): where each different word stands; and each word's number."""
    numbers = {key: at for at, key in enumerate(sorted({key for line in lines for key in line.keys}))}
    places = torch.zeros(len(numbers), cuts * cells, dtype=torch.bool)
    for line in lines:
        for key, found in zip(line.keys, line.cells, strict=True):
            places[numbers[key], [line.cut * cells + cell for cell in found]] = True
    return places, numbers


Goal = Callable[[Retriever, Batch, torch.Tensor], Outcome]
GOALS: Mapping[str, Goal] = {"letters": letters, "words": words, "phrases": phrases}
