"""Teach a trained retriever questions, which share few words with the page that answers them.

    python -m infra.train.retriever_questions --out FOLDER --export CHECKPOINT [--begin CHECKPOINT] [--preset cpu]

Begins with what `infra.train.retriever` trained in `--out`, or with the exported checkpoint `--begin`. Only the text
half learns, on text alone: of a page its rows are the codes of its words (`infra.train.retriever_code`), as blurred as
the tower's reading leaves them. So a step costs a second instead of three, and no page needs another picture. What the
page half has learnt is held fast: the tower is frozen, the text half has to give cells the rows it gave them before,
and pieces of text the codes of their words. Words of the grammar alone (of, the, which) are let go.

`--out` holds a checkpoint of this too, `questions/`; a run that was broken off goes on from there.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from infra.train.checkpoint import CHECKPOINT, Standing, keep, take_up
from infra.train.pages.chance import Chance
from infra.train.pages.matter import fill, invent
from infra.train.pages.tongues import ENGLISH
from infra.train.pages.topics import TOPICS, Topic
from infra.train.retriever_code import code, key_of
from infra.train.retriever_data import LINE, Line, Set, banked, lines_of, set_page
from infra.train.retriever_loop import LOGGED, Trainer
from infra.train.retriever_model import save
from infra.train.retriever_recipe import PRESETS
from infra.train.retriever_stages import late, near
from pipeline.backends.device import device_of
from pipeline.index import terms_of

__all__ = ["Asked", "Lesson", "draw", "main", "tells"]

STEPS, BATCH = 800, 32
WARM, LEAST = 0.025, 0.05
RATE, LAYERS = 4e-3, 0.25  # of the embeddings of pieces; the share of it at which the layers learn
NEAR, KEPT = 30.0, 40.0  # weights beside the losses of late interaction, whose small temperature makes them steep
READ = 60  # lines a step that are held to their words' codes
HELD = 40  # steps of cuts whose rows are held
PAGES = 700  # pages whose text is asked about, where no bank says which
BLURRED = 0.6, 1.6  # length of what is added to a code, least and most: cosines of .86 to .53 with it
SAID = ("", "", "", "", "find the clause: ", "section about ", "please show ", "where does it say: ",
        "according to the contract, ")  # fmt: skip
TOLD, OTHERS = (20, 200), (0, 2)  # words of print beside the clause; clauses of other topics
OF_CLAUSE = 0.3  # share of phrases out of the clauses; the others are out of the print


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that a question and a phrase ask for; `words` are the keys of all that stands on it."""

    question: str
    phrase: str
    words: tuple[str, ...]


def main(arguments: list[str] | None = None) -> None:
    """Parse, teach, export."""
    asked = _parser().parse_args(arguments)
    if asked.threads:
        torch.set_num_threads(asked.threads)
    if not (asked.begin or (asked.out / CHECKPOINT).exists()):
        raise SystemExit(f"nothing was trained in {asked.out}, and no --begin says what to begin with")
    trainer = Trainer(PRESETS[asked.preset], asked.seed, device_of(asked.device), asked.out, asked.begin)
    Lesson(trainer, asked.steps).run()
    save(trainer.retriever, asked.export)
    print(f"{asked.export}: {asked.steps} steps of questions")


@cache
def tells(key: str) -> bool:
    """Whether a word says more than grammar does: whether the search counts it."""
    return bool(terms_of(key))


def draw(chance: Chance, sheet: Callable[[Chance], Set]) -> list[Asked]:
    """A step's pages, each with a clause of another topic, clauses of topics that nothing is asked of, and a part of
    the print of what `sheet` gives."""
    topics = chance.some(TOPICS, len(TOPICS))
    return [_asked(chance, topic, topics[BATCH:], sheet(chance)) for topic in topics[:BATCH]]


def _asked(chance: Chance, topic: Topic, others: Sequence[Topic], sheet: Set) -> Asked:
    beside = chance.some(others, chance.whole(*OTHERS))
    matter = invent(chance, ENGLISH)
    clauses = " ".join(fill(chance.of(each.clauses), matter, chance) for each in (topic, *beside)).split()
    start = chance.whole(0, max(len(sheet.words) - 1, 0))
    printed = [word.text for word in sheet.words[start : start + chance.whole(*TOLD)]]
    run = clauses if chance.yes(OF_CLAUSE) or not printed else printed
    long = min(chance.whole(2, LINE), len(run))
    first = chance.whole(0, len(run) - long)
    keys = dict.fromkeys(map(key_of, clauses + printed))
    return Asked(
        chance.of(SAID) + chance.of(topic.questions),
        " ".join(run[first : first + long]),
        tuple(key for key in keys if any(letter.isalnum() for letter in key)),
    )


class Lesson:
    """The trainer's retriever learning questions for so many `steps`; its checkpoint is in the trainer's folder."""

    def __init__(self, trainer: Trainer, steps: int) -> None:
        self.trainer, self.steps = trainer, steps
        self.retriever, self.recipe, self.seed = trainer.retriever, trainer.recipe, trainer.seed
        self.folder = trainer.folder / "questions"
        self.folder.mkdir(exist_ok=True)
        self.pages = banked(self.recipe, self.seed, trainer.kept) if self.recipe.bank else range(PAGES)
        self.held = self._held()
        self.optimizer = torch.optim.Adam(self._learning(), betas=(0.9, 0.98))
        self.step, _ = take_up(self.folder, self._parts(), trainer.device) or Standing(0, 0.0)

    def run(self) -> None:
        """Teach to the end; the checkpoint is written now and then."""
        tally = []
        while self.step < self.steps:
            tally.append(self.teach())
            if self.step % LOGGED == 0 or self.step == self.steps:
                means = {name: round(sum(each[name] for each in tally) / len(tally), 3) for name in tally[0]}
                print(self.step, means, flush=True)
                keep(self.folder, self._parts(), Standing(self.step, 0.0))
                tally = []

    def teach(self) -> dict[str, float]:
        """One step: the loss, and what was right of it."""
        chance = Chance(self.seed, self.step, 11)
        asked = draw(chance, self._sheet)
        torch.manual_seed(chance.seed())
        pages = self._pages(asked)
        questions, found = late(self._rows([each.question for each in asked]), pages)
        phrases, told = late(self._rows([each.phrase for each in asked]), pages)
        spelt, more = near(self.retriever, self._lines(chance), READ)
        cells, were = self.held[chance.whole(0, len(self.held) - 1)]
        moved = 1 - functional.cosine_similarity(self.retriever.prompted(cells), were, dim=-1).mean()
        loss = questions + phrases + NEAR * spelt + KEPT * moved
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in self.optimizer.param_groups:
            group["lr"] = RATE * group["factor"] * _schedule(self.step / self.steps)
        self.optimizer.step()
        self.step += 1
        figures = {"loss": loss.detach(), "questions": found, "phrases": told, "moved": moved.detach(), **more}
        return {name: float(value) for name, value in figures.items()}

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {"retriever": self.retriever, "optimizer": self.optimizer}

    def _learning(self) -> list[dict[str, object]]:
        """The text model and the projection; the tower, the connector and the heads stay as they are."""
        self.retriever.eval().requires_grad_(False)
        model = self.retriever.model
        learning = [*model.model.text_model.parameters(), *model.custom_text_proj.parameters()]
        embeddings = model.get_input_embeddings().weight
        for parameter in learning:
            parameter.requires_grad_(True)
        layers = [parameter for parameter in learning if parameter is not embeddings]
        return [{"params": [embeddings], "factor": 1.0}, {"params": layers, "factor": LAYERS}]

    @torch.no_grad()
    def _held(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(cells as the tower makes them, the rows they have by the text half as it came) of some steps' cuts."""
        stage = next(stage for stage in self.recipe.stages if stage.goal == "words")
        cuts, found = self.trainer.cuts(stage), []
        for at in range(HELD):
            batch = cuts[at]
            maps = self.retriever.gather(self.retriever.read(self.trainer.maps(batch, stage)))
            cells = self.retriever.cells(maps, len(batch.pixels))
            found.append((cells, self.retriever.prompted(cells)))
        return found

    def _sheet(self, chance: Chance) -> Set:
        return set_page(self.seed, chance.of(self.pages), self.recipe, self.trainer.kept)

    def _pages(self, asked: Sequence[Asked]) -> torch.Tensor:
        """(pages, words, 128): blurred codes, and zeros behind the last."""
        return pad_sequence([self._blurred(each.words) for each in asked], batch_first=True)

    def _blurred(self, words: Sequence[str]) -> torch.Tensor:
        codes = torch.stack([code(word, self.retriever.model.dim) for word in words])
        least, most = BLURRED
        lengths = least + (most - least) * torch.rand(len(codes), 1)
        blur = torch.randn_like(codes) / math.sqrt(codes.shape[1])
        return functional.normalize(codes + lengths * blur, dim=1).to(self.trainer.device)

    def _rows(self, queries: list[str]) -> torch.Tensor:
        return functional.normalize(self.retriever.queries(queries).float(), dim=-1)

    def _lines(self, chance: Chance) -> list[Line]:
        """Lines of two pages, without the words that tell nothing."""
        grid = self.retriever.tower.config.stride
        found = []
        for _ in range(2):
            lines = lines_of(0, self._sheet(chance).words, self.recipe.shape.wide, grid, grid)
            found += [replace(line, keys=tuple(key if tells(key) else "" for key in line.keys)) for line in lines]
        return found


def _schedule(spent: float) -> float:
    """A short rise, then a cosine's fall to a twentieth."""
    return min(spent / WARM, 1.0) * (LEAST + (1 - LEAST) * (1 + math.cos(math.pi * spent)) / 2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="teach a trained page retriever questions")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--export", type=Path, required=True, help="write the checkpoint folder here")
    parser.add_argument("--begin", type=Path, help="begin with this exported checkpoint's weights")
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    return parser


if __name__ == "__main__":
    main()
