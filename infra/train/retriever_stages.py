"""What each stage asks of the retriever: the losses, and how much of it was right."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from colpali_engine.loss import ColbertLoss
from torch.nn import functional

from infra.train.retriever_data import IGNORED, NOTHING, Batch
from infra.train.retriever_model import Retriever

__all__ = ["GOALS", "Outcome", "letters", "phrases", "words"]

EMPTY = 0.1  # weight of a column without a letter: most are
TEMPERATURE, SHARP = 0.05, 0.02  # of a piece's choice among cells; of a query's among pages, as colpali_engine has it
MOST = 64  # lines of a step that are asked for
AUXILIARY = {"letters": 0.3, "words": 0.5}  # weight of an earlier goal in a later stage
Outcome = tuple[torch.Tensor, dict[str, float]]


def letters(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """The character in each column. Right: the share of columns under print whose character was named."""
    logits = retriever.letters(maps).float().flatten(0, 2)
    wanted = batch.letters.to(logits.device).flatten()
    weights = torch.ones(logits.shape[1], device=logits.device)
    weights[NOTHING] = EMPTY
    loss = functional.cross_entropy(logits, wanted, weights, ignore_index=IGNORED)
    inked = wanted > NOTHING
    right = (logits.argmax(1) == wanted)[inked].float().mean() if inked.any() else torch.tensor(0.0)
    return loss, {"letters": float(right)}


def words(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """Each piece of text chooses the cells its word stands in, among all cells of the batch, by cosine. Right: the
    share of pieces whose best cell is one of them."""
    _, cells = retriever.pages(maps)
    found, right = _find(retriever, batch, cells)
    read, more = letters(retriever, batch, maps)
    return found + AUXILIARY["letters"] * read, right | more


def phrases(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """colpali_engine's late-interaction loss over the batch's strips, among them others of the same document. Right:
    the share of queries whose own strip scores best."""
    rows, cells = retriever.pages(maps)
    found, more = _find(retriever, batch, cells)
    asked = [at for at, query in enumerate(batch.queries) if query]
    if not asked:
        return AUXILIARY["words"] * found, more
    queries = functional.normalize(retriever.queries([batch.queries[at] for at in asked]).float(), dim=-1)
    order = asked + [at for at in range(len(rows)) if at not in asked]  # the loss takes page i to answer query i
    pages = functional.normalize(rows[order].float(), dim=-1)
    loss = ColbertLoss(temperature=SHARP)(queries, pages)
    with torch.no_grad():
        best = torch.einsum("qnd,psd->qpns", queries, pages).amax(3).sum(2).argmax(1).cpu()
    right = float((best == torch.arange(len(asked))).float().mean())
    return loss + AUXILIARY["words"] * found, {"phrases": right} | more


def _find(retriever: Retriever, batch: Batch, cells: torch.Tensor) -> Outcome:
    """`words`' choice, over `cells`, (strips, cells, 128)."""
    lines = [line for line in batch.lines[:: -(-len(batch.lines) // MOST) or 1] if any(line.keys)]
    if not lines:
        return cells.sum() * 0, {}
    pieces, owners = retriever.pieces(lines)
    places, numbers = _places(batch, cells.shape[1])
    wanted = places[[numbers[lines[line].keys[word]] for line, word in owners]].to(cells.device)
    logits = pieces.float() @ cells.float().flatten(0, 1).T / TEMPERATURE
    loss = (logits.logsumexp(1) - logits.masked_fill(~wanted, -torch.inf).logsumexp(1)).mean()
    right = wanted.gather(1, logits.argmax(1, keepdim=True)).float().mean()
    return loss, {"words": float(right)}


def _places(batch: Batch, cells: int) -> tuple[torch.Tensor, dict[str, int]]:
    """(words, cells of the whole batch): where each different word stands; and each word's number."""
    numbers = {key: at for at, key in enumerate(sorted({key for line in batch.lines for key in line.keys}))}
    places = torch.zeros(len(numbers), len(batch.pixels) * cells, dtype=torch.bool)
    for line in batch.lines:
        for key, found in zip(line.keys, line.cells, strict=True):
            places[numbers[key], [line.strip * cells + cell for cell in found]] = True
    return places, numbers


GOALS: Mapping[str, Callable[[Retriever, Batch, torch.Tensor], Outcome]] = {
    "letters": letters,
    "words": words,
    "phrases": phrases,
}
