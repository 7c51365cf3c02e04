"""Training the page retriever: what strips say, steps of each stage, resuming, and the exported checkpoint in use."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

from infra.train import retriever_loop
from infra.train.depthwise import quicken
from infra.train.pages import Wanted, make
from infra.train.retriever import main
from infra.train.retriever_code import code, spelt_pieces
from infra.train.retriever_data import ALPHABET, Batch, Cuts, Line, loader, set_page
from infra.train.retriever_loop import Budget, Trainer
from infra.train.retriever_model import save, tokenizer_of
from infra.train.retriever_recipe import PRESETS, Recipe
from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.backends.pooling import POOLED
from pipeline.backends.sheet import GRID

SEED = 7
TINY = PRESETS["tiny"]
BANKED = replace(TINY, bank=4)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def spelt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder that already has its tokenizer: training one is not what is tested here."""
    words = [" ".join(word.text for word in make(SEED, at, Wanted(dpi=60)).words) for at in range(3)]
    folder = tmp_path_factory.mktemp("run")
    tokenizer_of(words, 400).save_pretrained(folder / retriever_loop.TOKENIZER)
    return folder


@pytest.fixture
def run(spelt: Path, tmp_path: Path):
    """A trainer in a fresh folder."""
    shutil.copytree(spelt, tmp_path, dirs_exist_ok=True)

    def fresh(recipe: Recipe = TINY, name: str = "") -> Trainer:
        folder = tmp_path / name if name else tmp_path
        shutil.copytree(spelt, folder, dirs_exist_ok=True)
        return Trainer(recipe, SEED, CPU, folder)

    return fresh


def _cuts(trainer: Trainer, at: int) -> Cuts:
    return trainer.cuts(trainer.recipe.stages[at])


@pytest.mark.parametrize("recipe", [TINY, BANKED], ids=["endless pages", "a bank of maps"])
def test_each_stage_trains(recipe: Recipe, run) -> None:
    """Three steps of each stage move weights that the stage is about; a banked trunk stays as it was."""
    trainer = run(recipe)
    watched = {
        "letters": "reading.weight",
        "words": "model.custom_text_proj.weight",
        "phrases": "model.custom_text_proj.weight",
    }
    stem = trainer.retriever.tower.stem.weight.detach().clone()
    for at, stage in enumerate(recipe.stages):
        before = trainer.retriever.state_dict()[watched[stage.goal]].clone()
        found = [trainer.train(_cuts(trainer, at)[step], stage, 0.5) for step in range(3)]
        assert all(np.isfinite(figures["loss"]) for figures in found)
        assert not torch.equal(before, trainer.retriever.state_dict()[watched[stage.goal]])
    assert torch.equal(stem, trainer.retriever.tower.stem.weight) == bool(recipe.bank)


def test_training_goes_on_where_it_was_broken_off(run) -> None:
    """Four steps in one go and two and two in two processes' worth of objects end in the same weights."""
    whole = run(name="whole")
    whole.run(Budget(minutes=1e9, until=4), workers=0)
    run(name="halves").run(Budget(minutes=1e9, until=2), workers=0)
    second = run(name="halves")
    assert second.step == 2
    second.run(Budget(minutes=1e9, until=4), workers=0)
    for name, weight in whole.retriever.state_dict().items():
        torch.testing.assert_close(weight, second.retriever.state_dict()[name], msg=name)


def test_a_run_may_begin_with_an_exported_checkpoint(run, tmp_path: Path) -> None:
    """Its weights and its tokenizer are taken over and trained on, no page is read for a new one; a checkpoint of
    another shape is refused."""
    first = run(name="first")
    first.train(_cuts(first, 1)[0], TINY.stages[1], 0.5)
    save(first.retriever, tmp_path / "made", torch.float32)
    second = Trainer(TINY, SEED, CPU, tmp_path / "second", tmp_path / "made")
    for name, weight in first.retriever.model.state_dict().items():
        torch.testing.assert_close(second.retriever.model.state_dict()[name], weight, msg=name)
    assert torch.equal(first.retriever.queries(["rent"]), second.retriever.queries(["rent"]))
    assert np.isfinite(second.train(_cuts(second, 1)[0], TINY.stages[1], 0.5)["loss"])
    second.save()
    again = Trainer(TINY, SEED, CPU, tmp_path / "second")
    assert torch.equal(again.retriever.queries(["rent"]), second.retriever.queries(["rent"]))
    with pytest.raises(SystemExit, match="another preset"):
        Trainer(replace(TINY, shape=replace(TINY.shape, layers=3)), SEED, CPU, tmp_path / "other", tmp_path / "made")


def test_a_run_may_begin_with_another_vocabulary(run, tmp_path: Path, monkeypatch) -> None:
    """Pieces that both have keep their embeddings; a new one has what its letters' code would have had there."""
    first = run(name="first")
    save(first.retriever, tmp_path / "made", torch.float32)
    monkeypatch.setattr(retriever_loop, "SPELT", 4)
    recipe = replace(TINY, shape=replace(TINY.shape, vocabulary=500))
    second = Trainer(recipe, SEED, CPU, tmp_path / "second", tmp_path / "made")
    before, now = (trainer.retriever.processor.tokenizer.get_vocab() for trainer in (first, second))
    assert len(before) < len(now)
    old, new = (trainer.retriever.model.get_input_embeddings().weight for trainer in (first, second))
    both = [(before[piece], now[piece]) for piece in before if piece in now]
    assert all(torch.equal(old[at], new[place]) for at, place in both)
    spelt = spelt_pieces(second.retriever.processor.tokenizer, 128)
    added = [at for piece, at in now.items() if piece not in before and spelt[at].any()]
    projected = new[added] @ first.retriever.model.custom_text_proj.weight.T
    assert functional.cosine_similarity(projected, spelt[added]).mean() > 0.5


def test_budget_ends_training_in_the_last_stage(run) -> None:
    """The time spent decides the stage, and all of it spent, training ends, as it does when this call's part is."""
    trainer = run()
    trainer.seconds = 60 - 1e-6
    trainer.run(Budget(minutes=1.0, until=9), workers=0)
    assert trainer.step == 1
    trainer.run(Budget(minutes=10.0, now=1e-6, until=9), workers=0)
    assert trainer.step == 2
    trainer.run(Budget(minutes=1.0), workers=0)
    assert trainer.step == 2


def test_waiting_for_pages_is_of_the_budget(run, monkeypatch) -> None:
    """An hour is an hour, however slowly pages are drawn."""
    real = retriever_loop.loader

    def slow(*asked):
        for batch in real(*asked):
            time.sleep(0.3)
            yield batch

    trainer, begun = run(), time.monotonic()
    monkeypatch.setattr(retriever_loop, "loader", slow)
    trainer.run(Budget(minutes=60.0, until=2), workers=0)
    assert 0.6 <= trainer.seconds <= time.monotonic() - begun


def test_a_step_has_the_same_cuts_whoever_loads_it(run) -> None:
    """The loader's batch of a step is the data set's own, in the middle of a run as well."""
    cuts = _cuts(run(), 2)
    loaded, own = next(loader(cuts, 5, 0)), cuts[5]
    assert torch.equal(loaded.pixels, own.pixels)
    assert (loaded.queries, loaded.lines, loaded.texts) == (own.queries, own.lines, own.texts)
    assert own.texts


def test_letters_stand_where_the_words_stand() -> None:
    """In the cells of a word the letters of that word can be read off from left to right."""
    recipe, across, column = PRESETS["accelerator"], 64, 8
    batch = Cuts(recipe, replace(recipe.stages[1], batch=2), SEED, (32, across), column)[0]
    found = [
        _squeezed(key) in _squeezed(_read(batch.letters[line.cut], places, across // column))
        for line in batch.lines
        for key, places in zip(line.keys, line.cells, strict=True)
    ]
    assert np.mean(found) > 0.5
    for line in batch.lines:
        for cells, columns in zip(line.cells, line.columns, strict=True):
            assert {at // (across // column) for at in columns} == set(cells)


def test_queries_are_answered_by_their_cut_alone(run) -> None:
    """A phrase that is asked for is not on another cut of the batch, though they come from the same document."""
    cuts = _cuts(run(), 2)
    for step in range(3):
        batch = cuts[step]
        texts = [_words(batch, at) for at in range(len(batch.places))]
        asked = [query.lower() for query in batch.queries if query]
        assert asked
        for at, query in enumerate(batch.queries):
            assert not query or not any(
                query.lower() in text
                for other, text in enumerate(texts)
                if batch.places[other][0] != batch.places[at][0]
            )


def _words(batch: Batch, cut: int) -> str:
    return " ".join(word for line in batch.lines if line.cut == cut for word in line.words).lower()


def test_pieces_know_their_words(run) -> None:
    """Every piece of a query's text is a row of its own and belongs to the word that it spells."""
    retriever = run().retriever
    lines = [Line(0, ("Term", "of", "the", "Agreement,"), ("term", "of", "the", "agreement"), ((0,),) * 4, ((0,),) * 4),
             Line(0, ("—", "Zürich"), ("", "zürich"), ((0,), (1,)), ((0,), (1,)))]  # fmt: skip
    rows, owners = retriever.pieces(lines)
    assert len(rows) == len(owners)
    assert set(owners) == {(0, 0), (0, 1), (0, 2), (0, 3), (1, 1)}
    assert torch.linalg.norm(rows, dim=1).detach().numpy() == pytest.approx(1, abs=1e-4)


def test_print_without_a_letter_is_passed_over(run) -> None:
    """A cut on which nothing but signs stands trains on without what there is to read."""
    trainer = run()
    signs = Line(0, ("©", "+"), ("©", "+"), ((0,), (1,)), ((0,), (1,)))
    batch = replace(_cuts(trainer, 1)[0], lines=(signs,), texts=(signs,))
    assert np.isfinite(trainer.train(batch, TINY.stages[1], 0.5)["loss"])


def test_a_checkpoint_of_another_preset_is_named(run) -> None:
    """Its folder is not trained over, and the answer says what to do."""
    trainer = run()
    trainer.save()
    with pytest.raises(SystemExit, match="another preset"):
        run(replace(TINY, shape=replace(TINY.shape, hidden=32)))


def test_nothing_trained_is_nothing_to_export(tmp_path: Path) -> None:
    """Random weights never look like a model; no page is drawn for them."""
    with pytest.raises(SystemExit, match="nothing was trained"):
        main(["--out", str(tmp_path / "run"), "--export", str(tmp_path / "made"), "--preset", "tiny"])
    assert not (tmp_path / "made").exists()


def test_settling_evens_out_what_the_trunk_left(run) -> None:
    """Channels of very different size come to mean 0 and deviation 1 before the first merging."""
    retriever = run().retriever
    torch.manual_seed(0)
    maps = torch.randn(2, 24, 8, 16) * torch.logspace(-1, 2, 24)[None, :, None, None] + 3
    retriever.settle(maps)
    normed = retriever.tower.blocks[retriever.depth].norm(maps).detach().permute(1, 0, 2, 3).flatten(1)
    assert normed.mean(1).numpy() == pytest.approx(0, abs=1e-3)
    assert normed.std(1).numpy()[-12:] == pytest.approx(1, abs=1e-2)


def test_words_spelt_alike_have_places_near_each_other() -> None:
    """A word's code is of unit length and always the same; a shared stem shows, another word doesn't."""
    terminate, terminated, rent = (code(key, 128) for key in ("terminate", "terminated", "rent"))
    assert torch.equal(terminate, code("terminate", 128))
    assert float(terminate @ terminate) == pytest.approx(1, abs=1e-5)
    assert float(terminate @ terminated) > 0.4
    assert abs(float(terminate @ rent)) < 0.35


def test_an_untrained_text_model_knows_the_codes_of_its_pieces(run) -> None:
    """What it says of a whole word lies near the word's code before any step was trained; a special token has none."""
    retriever = run().retriever
    tokenizer, size = retriever.processor.tokenizer, retriever.model.dim
    spelt = spelt_pieces(tokenizer, size)
    assert not spelt[tokenizer.pad_token_id].any()
    known = [at for at in range(len(tokenizer)) if len(tokenizer.decode([at])) > 3 and spelt[at].any()]
    words = [tokenizer.decode([at]).strip() for at in known]
    lines = [Line(0, (word,), (word,), ((0,),), ((0,),)) for word in words]
    rows, owners = retriever.pieces(lines)
    codes = torch.stack([code(words[line], size) for line, _ in owners])
    near = torch.nn.functional.cosine_similarity(rows, codes)
    assert float(near.mean().detach()) > 0.4


def test_depthwise_gradients_are_those_of_torch() -> None:
    """The quicker way through a depthwise convolution learns the same."""
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(6, 6, 5, stride=(2, 1), padding=2, groups=6)
    maps = torch.randn(2, 6, 16, 12, requires_grad=True)
    conv(maps).square().sum().backward()
    expected = [maps.grad.clone(), conv.weight.grad.clone(), conv.bias.grad.clone()]
    maps.grad, conv.weight.grad, conv.bias.grad = None, None, None
    quicken(torch.nn.Sequential(conv))
    with torch.autocast("cpu", torch.bfloat16):
        conv(maps).float().square().sum().backward()
    for found, wanted in zip((maps.grad, conv.weight.grad, conv.bias.grad), expected, strict=True):
        cosine = torch.nn.functional.cosine_similarity(found.flatten(), wanted.flatten(), dim=0)
        assert cosine > 0.999
        assert found.norm() / wanted.norm() == pytest.approx(1, abs=0.02)


def test_exported_checkpoint_does_what_was_trained(run, tmp_path: Path) -> None:
    """Loaded as any other checkpoint, it gives a page file the rows that training gives its pixels, and a heat map
    over the page."""
    trainer = run()
    trainer.train(_cuts(trainer, 1)[0], TINY.stages[1], 0.5)
    save(trainer.retriever, tmp_path / "made", torch.float32)
    embedder = ColPaliEmbedder(tmp_path / "made", device="cpu", dtype="float32")
    pixels = set_page(SEED, 4, TINY).pixels
    make(SEED, 4, Wanted(dpi=TINY.dpi, rotate=False)).image.save(tmp_path / "page.png")
    (found,) = embedder.embed_pages([tmp_path / "page.png"])
    with torch.inference_mode():
        retriever = trainer.retriever
        read = retriever.read(retriever.trunk(torch.from_numpy(pixels.copy())[None]))
        expected = retriever.pages(read, 1)[0][0].numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-3)
    query = embedder.embed_query("Term of the Agreement")
    with torch.inference_mode():
        np.testing.assert_allclose(query, retriever.queries(["Term of the Agreement"])[0].numpy(), atol=1e-4)
    assert embedder.heat(tmp_path / "page.png", "agreement").shape == GRID
    assert len(embedder.pool([found])[0]) <= POOLED


def test_rows_of_empty_strips_are_not_indexed(run, tmp_path: Path) -> None:
    """A page of one line has the cells of its strip and the prompt's rows; one of many lines has more; both in one
    batch as each alone."""
    save(run().retriever, tmp_path / "made", torch.float32)
    embedder = ColPaliEmbedder(tmp_path / "made", device="cpu", dtype="float32")
    paths = [tmp_path / "short.png", tmp_path / "long.png"]
    for path, lines in zip(paths, (1, 12), strict=True):
        image = Image.new("L", (425, 550), 255)
        for at in range(lines):
            ImageDraw.Draw(image).text((60, 40 + at * 40), "Notice of termination", 0, ImageFont.load_default(16))
        image.save(path)
    short, long = embedder.embed_pages(paths)
    assert len(short) < len(long)
    assert (len(long) - len(short)) % 8 == 0
    np.testing.assert_allclose(short, embedder.embed_pages(paths[:1])[0], atol=1e-4)


def test_shipped_shards_are_small_and_half_as_long(run, tmp_path: Path) -> None:
    """bfloat16 on disk, and no shard above the repository's bound."""
    trainer = run()
    save(trainer.retriever, tmp_path / "made")
    files = list((tmp_path / "made").glob("*.safetensors"))
    weights = sum(weight.numel() for weight in trainer.retriever.model.parameters())
    assert 2 * weights <= sum(file.stat().st_size for file in files) < 2.2 * weights
    assert all(file.stat().st_size < 15_000_000 for file in files)


def _read(letters: torch.Tensor, cells: tuple[int, ...], columns: int) -> str:
    """What the grid of letters says in these cells, of 16 a row, each so many columns wide."""
    said = [letters[cell // 16, cell % 16 * columns : (cell % 16 + 1) * columns].tolist() for cell in sorted(cells)]
    return "".join(ALPHABET[number - 1] for part in said for number in part if 0 < number <= len(ALPHABET))


def _squeezed(text: str) -> str:
    """Without repetition: a wide letter stands in several columns."""
    return "".join(letter for at, letter in enumerate(text) if at == 0 or text[at - 1] != letter)
