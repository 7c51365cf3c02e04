"""What each stage asks of the retriever: the losses, and how much of it was right.

Page and query meet in one space of 128 numbers, where each word has its place (`infra.train.retriever_code`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from colpali_engine.loss import ColbertLoss
from torch.nn import functional

from infra.train.retriever_code import code
from infra.train.retriever_data import NOTHING, Batch, Line
from infra.train.retriever_model import Retriever

__all__ = ["GOALS", "Outcome", "letters", "phrases", "words"]

EMPTY = 0.1  # weight of a column without a letter: most are
TEMPERATURE, SHARP = 0.05, 0.02  # of a word's choice among cells; of a query's among pages, as colpali_engine has it
MOST = 160  # lines of a step whose text is read
READ, FOUND = 0.3, 0.5  # weight of the letters beside the words; of the words, on page and in query, beside the phrases
CLOSE = 2.0  # weight of how near a word's best cell is to its code: chosen among few cells it is soon near enough
Outcome = tuple[torch.Tensor, dict[str, float]]


def letters(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """The character in each column. Right: the share of columns under print whose character was named."""
    return _spelt(retriever, batch, retriever.read(maps))


def words(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """Each word's code chooses the cells it stands in among all cells of the batch; each column under it, each cell
    chosen and each piece of text goes to that code. Right: the share of codes whose best cell is one of theirs; and how
    near columns, cells and pieces came (cosine)."""
    read = retriever.read(maps)
    gathered = retriever.gather(read)
    _, cells = retriever.pages(gathered, len(batch.pixels))
    told = (_found(batch, cells), _coded(retriever, batch, gathered), _near(retriever, batch))
    spelt, right = _spelt(retriever, batch, read)
    for _, more in told:
        right |= more
    return sum(loss for loss, _ in told) + READ * spelt, right


def phrases(retriever: Retriever, batch: Batch, maps: torch.Tensor) -> Outcome:
    """colpali_engine's late-interaction loss over the batch's cuts, among them others of the same document. Right:
    the share of queries whose own cut scores best."""
    rows, cells = retriever.pages(retriever.gather(retriever.read(maps)), len(batch.pixels))
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


def _spelt(retriever: Retriever, batch: Batch, read: torch.Tensor) -> Outcome:
    logits = retriever.letters(read).float().flatten(0, 1)
    wanted = batch.letters.to(logits.device).flatten()
    weights = torch.ones(logits.shape[1], device=logits.device)
    weights[NOTHING] = EMPTY
    loss = functional.cross_entropy(logits, wanted, weights)
    inked = wanted > NOTHING
    right = (logits.argmax(1) == wanted)[inked].float().mean() if inked.any() else torch.tensor(0.0)
    return loss, {"letters": float(right)}


def _found(batch: Batch, cells: torch.Tensor) -> Outcome:
    """The choice of the words' codes among `cells`, (cuts, cells, 128)."""
    places, numbers = _places(batch.lines, len(batch.pixels), cells.shape[1])
    keys = [key for line in batch.lines for key in line.keys if key]
    if not keys:
        return cells.sum() * 0, {}
    codes = torch.stack([code(key, cells.shape[2]) for key in keys]).to(cells.device)
    wanted = places[[numbers[key] for key in keys]].to(cells.device)
    cosines = codes @ functional.normalize(cells.float(), dim=-1).flatten(0, 1).T
    own = cosines.masked_fill(~wanted, -torch.inf)
    chosen = ((cosines / TEMPERATURE).logsumexp(1) - (own / TEMPERATURE).logsumexp(1)).mean()
    close = own.amax(1).mean()
    right = wanted.gather(1, cosines.argmax(1, keepdim=True)).float().mean()
    return chosen + CLOSE * (1 - close), {"words": float(right), "cells": float(close.detach())}


def _coded(retriever: Retriever, batch: Batch, gathered: torch.Tensor) -> Outcome:
    """How far the columns under the words are from their codes."""
    told = retriever.codes(gathered).float().unflatten(0, (len(batch.pixels), -1)).flatten(1, 2)
    spelt = [(line.cut, word) for line in batch.lines for word in zip(line.keys, line.columns, strict=True)]
    under = [(cut, column, code(key, told.shape[2])) for cut, (key, columns) in spelt if key for column in columns]
    if not under:
        return told.sum() * 0, {}
    cuts, columns, codes = zip(*under, strict=True)
    cosine = functional.cosine_similarity(told[list(cuts), list(columns)], torch.stack(codes).to(told.device)).mean()
    return 1 - cosine, {"columns": float(cosine.detach())}


def _near(retriever: Retriever, batch: Batch) -> Outcome:
    """How far the pieces of text are from the codes of their words."""
    lines = [line for line in batch.texts[:: -(-len(batch.texts) // MOST) or 1] if _says(line)]
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
