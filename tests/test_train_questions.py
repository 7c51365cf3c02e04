"""Teaching the retriever questions: what is asked, what may move by it, going on, and the exported checkpoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from infra.train import retriever_loop, retriever_questions
from infra.train.pages import Wanted, make
from infra.train.pages.chance import Chance
from infra.train.pages.matter import fill, invent
from infra.train.pages.tongues import ENGLISH
from infra.train.pages.topics import TOPICS
from infra.train.retriever_code import key_of
from infra.train.retriever_data import Set, set_page
from infra.train.retriever_loop import Trainer
from infra.train.retriever_model import save, tokenizer_of
from infra.train.retriever_questions import Lesson, draw, main, tells
from infra.train.retriever_recipe import PRESETS
from pipeline.backends.colpali import ColPaliEmbedder

SEED = 7
TINY = PRESETS["tiny"]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported checkpoint that was taught nothing."""
    folder = tmp_path_factory.mktemp("begun")
    words = [" ".join(word.text for word in make(SEED, at, Wanted(dpi=60)).words) for at in range(3)]
    tokenizer_of(words, 400).save_pretrained(folder / "run" / retriever_loop.TOKENIZER)
    save(Trainer(TINY, SEED, CPU, folder / "run").retriever, folder / "made", torch.float32)
    return folder / "made"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few pages, few questions: what a page takes to draw is not what is tested."""
    for name, value in (("PAGES", 2), ("HELD", 1), ("BATCH", 6), ("READ", 8), ("RATE", 1e-3)):
        monkeypatch.setattr(retriever_questions, name, value)


def _lesson(begun: Path, folder: Path, steps: int = 4) -> Lesson:
    return Lesson(Trainer(TINY, SEED, CPU, folder, begun), steps)


def _sheet(_: Chance) -> Set:
    return set_page(SEED, 0, TINY)


def test_each_topic_has_questions_and_clauses_that_can_be_filled() -> None:
    """At least two questions each; clauses repeat few of the telling words: a fifth of them, or less, on average."""
    matter, chance = invent(Chance(1), ENGLISH), Chance(2)
    assert len({topic.name for topic in TOPICS}) == len(TOPICS) > 2 * retriever_questions.BATCH
    shares = []
    for topic in TOPICS:
        assert len(topic.questions) > 1
        assert topic.clauses
        clauses = [fill(clause, matter, chance) for clause in topic.clauses]
        assert not any("{" in clause for clause in clauses)
        for question in topic.questions:
            asked = {key_of(word) for word in question.split() if tells(key_of(word))}
            shares += [len(asked & set(map(key_of, clause.split()))) / len(asked) for clause in clauses if asked]
    assert np.mean(shares) <= 0.2


def test_a_page_holds_what_answers_it_and_no_other_question_of_the_step() -> None:
    """Its phrase stands on it; and clauses of the topics that are asked for stand on their own page alone."""
    asked = draw(Chance(3), _sheet)
    assert len(asked) == retriever_questions.BATCH == len({each.question for each in asked})
    for each in asked:
        keys = [key for key in map(key_of, each.phrase.split()) if any(letter.isalnum() for letter in key)]
        assert set(keys) <= set(each.words)
    assert asked == draw(Chance(3), _sheet)
    assert asked != draw(Chance(4), _sheet)


def test_words_of_grammar_alone_tell_nothing() -> None:
    """What the search doesn't count either."""
    assert not any(map(tells, ("the", "of", "which", "is")))
    assert all(map(tells, ("rent", "indemnify", "2004")))


@pytest.mark.usefixtures("small")
def test_only_the_text_half_learns(begun: Path, tmp_path: Path) -> None:
    """Tower, connector and heads stay bit for bit as they were; embeddings, layers and projection move."""
    lesson = _lesson(begun, tmp_path)
    before = {name: weight.clone() for name, weight in lesson.retriever.state_dict().items()}
    figures = [lesson.teach() for _ in range(3)]
    assert all(np.isfinite(list(each.values())).all() for each in figures)
    moved = {name for name, weight in lesson.retriever.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved
    assert all("text_model" in name or "custom_text_proj" in name for name in moved)
    assert any("tok_embeddings" in name for name in moved)


@pytest.mark.usefixtures("small")
def test_questions_are_learnt_and_cells_keep_their_rows(begun: Path, tmp_path: Path) -> None:
    """The same step again and again: its questions are found, and cells are where they were."""
    lesson = _lesson(begun, tmp_path, steps=10**6)
    found = []
    for _ in range(40):
        lesson.step = 30_000  # past the rise, before the fall
        found.append(lesson.teach())
    assert found[-1]["loss"] < found[0]["loss"]
    assert found[-1]["questions"] > max(found[0]["questions"], 1 / 6)
    assert found[-1]["moved"] < 0.1


@pytest.mark.usefixtures("small")
def test_a_lesson_goes_on_where_it_was_broken_off(begun: Path, tmp_path: Path, monkeypatch) -> None:
    """Four steps in one go, and two and two in two processes' worth of objects, end in the same weights."""
    monkeypatch.setattr(retriever_questions, "LOGGED", 2)
    whole = _lesson(begun, tmp_path / "whole")
    whole.run()
    first = _lesson(begun, tmp_path / "halves")
    monkeypatch.setattr(first, "teach", _twice(first.teach))
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = _lesson(begun, tmp_path / "halves")
    assert second.step == 2
    second.run()
    for name, weight in whole.retriever.state_dict().items():
        torch.testing.assert_close(weight, second.retriever.state_dict()[name], msg=name)


def _twice(teach):
    left = [None, None]

    def broken():
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return teach()

    return broken


@pytest.mark.usefixtures("small")
def test_the_command_exports_what_it_taught(begun: Path, tmp_path: Path) -> None:
    """A checkpoint that the product loads, and whose questions have other rows than before."""
    asked = ["--preset", "tiny", "--device", "cpu", "--steps", "2", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match="nothing was trained"):
        main([*asked, "--export", str(tmp_path / "made")])
    main([*asked, "--begin", str(begun), "--export", str(tmp_path / "made")])
    before, now = (ColPaliEmbedder(folder, device="cpu").embed_query("rent") for folder in (begun, tmp_path / "made"))
    assert before.shape == now.shape
    assert not np.allclose(before, now)
