"""Training the triage VLM: the tiny recipe, through the real generator, loop, export and the product's loader."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from infra.measure import triage_vlm
from infra.train.norms import folded
from infra.train.pages import Wanted, make
from infra.train.triage import main
from infra.train.triage_data import Copy, Drawn, Order, Pages, Spec, cells_of, square, target
from infra.train.triage_loop import Budget, Trainer
from infra.train.triage_model import Asker, build, processor_of, save
from infra.train.triage_recipe import PRESETS
from pipeline.backends.vlm import VlmClassifier
from pipeline.backends.vlm_load import VlmOptions
from pipeline.errors import ModelError
from pipeline.questions import QUESTIONS

TINY = PRESETS["tiny"]
FLOAT = VlmOptions(device="cpu", dtype="float32")
ROTATION = [question.name for question in QUESTIONS].index("rotation")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory):
    """One chunk of generated pages, drawn by a worker process as in training."""
    spec = Spec(1, TINY.edge, Wanted(dpi=40, rotate=False), chunk=8)
    drawn = Pages(tmp_path_factory.mktemp("pages"), spec, workers=1)
    drawn.batch(Drawn([Copy(0)]))
    yield drawn
    drawn.close()


def trainer(folder: Path) -> Trainer:
    return Trainer(TINY, 1, torch.device("cpu"), folder)


ORDER = Order(seed=1, batch=TINY.batch, fresh=0.5, limit=8, edge=TINY.edge)


def test_a_run_that_was_interrupted_ends_with_the_same_weights(pages, tmp_path) -> None:
    """Six steps at once, and three, a new process's trainer, three more: every weight is equal bit for bit."""
    budget = Budget(steps=6)
    whole = trainer(tmp_path / "whole")
    whole.run(pages, ORDER, budget)
    trainer(tmp_path / "parts").run(pages, ORDER, budget, until=3)
    resumed = trainer(tmp_path / "parts")
    assert resumed.resume()
    assert resumed.step == 3
    resumed.run(pages, ORDER, budget)
    assert resumed.step == whole.step == 6
    ours, theirs = resumed.model.state_dict(), whole.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_few_pages_are_learned_by_heart(pages, tmp_path) -> None:
    """The loss of four pages shown over and over falls under half: gradients reach what the answers hang on."""
    learner = trainer(tmp_path)
    batch = pages.batch(Drawn([Copy(at, at) for at in range(4)]))
    losses = [float(learner.train(batch, 0.3).losses.mean()) for _ in range(40)]
    assert losses[-1] < losses[0] / 2


def test_what_was_trained_loads_like_any_checkpoint(pages, tmp_path, capsys) -> None:
    """Train, export, load by the product's own class: every question is answered, and the score is printed."""
    argv = ["--preset", "tiny", "--out", str(tmp_path / "run"), "--device", "cpu", "--pages", str(tmp_path / "pages")]
    trainer(tmp_path / "run").run(pages, ORDER, Budget(steps=2))
    main([*argv, "--held", "8", "--export", str(tmp_path / "exported")])
    make(5, 0, Wanted(dpi=60)).image.save(tmp_path / "page.png")
    classifier = VlmClassifier(tmp_path / "exported", FLOAT)
    told = classifier.logits([tmp_path / "page.png"])[0]
    assert [len(each) for each in told] == [len(question.options) for question in QUESTIONS]
    assert set(classifier._scale.temperature) == {question.name for question in QUESTIONS}
    assert classifier._scale.turned == (90,)
    capsys.readouterr()
    triage_vlm.main([str(tmp_path / "exported"), "--count", "6", "--dpi", "40", "--dtype", "float32"])
    told = capsys.readouterr().out
    assert "6 generated pages of 40 dpi" in told
    assert all(f"| {question.name} | accuracy | " in told for question in QUESTIONS)


def test_folding_the_norms_changes_no_answer(pages, tmp_path) -> None:
    """After some steps, the exported trunk without batch norms answers as the one that was trained with them."""
    learner = trainer(tmp_path)
    learner.run(pages, ORDER, Budget(steps=4))
    shown = torch.from_numpy(pages.batch(Drawn([Copy(4), Copy(5, 2)])).pages)
    with torch.inference_mode():
        ours, theirs = (learner.asker.logits(model.eval(), shown) for model in (folded(learner.model), learner.model))
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in folded(learner.model).modules())
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_training_reads_the_logits_that_the_product_compares(tmp_path) -> None:
    """A page through the trainer's pixels and prompt gives what `VlmClassifier` gives for its file."""
    torch.manual_seed(3)
    model, processor = build(TINY)
    image = make(5, 1, Wanted(dpi=30)).image
    padded = Image.fromarray(square(image, TINY.edge))
    padded.save(tmp_path / "page.png")
    asker = Asker.of(processor, TINY.edge, torch.device("cpu"))
    model = model.to(torch.float16).float().eval()  # what half precision keeps
    with torch.inference_mode():
        trained = asker.logits(model, torch.from_numpy(np.asarray(padded)[None].copy()))
    save(model, processor, tmp_path / "saved")
    loaded = VlmClassifier(tmp_path / "saved", FLOAT).logits([tmp_path / "page.png"])[0]
    for ours, theirs in zip(trained, loaded, strict=True):
        torch.testing.assert_close(ours[0], theirs, atol=1e-4, rtol=1e-4)


def test_the_cached_square_is_the_processors(tmp_path) -> None:
    """A page padded and scaled for training differs by less than 4 grey levels, on average, from the product's."""
    image = make(5, 2, Wanted(dpi=60)).image
    theirs = processor_of(TINY).image_processor(images=[image.convert("RGB")], return_tensors="np")["pixel_values"][0]
    ours = square(image, TINY.edge)
    assert np.abs(ours - (theirs[0] * 0.5 + 1) * 255).mean() < 4


def test_a_turned_page_says_so(pages) -> None:
    """A quarter turn counter-clockwise makes an upright page's top point left; pixels and cells turn with it."""
    upright, turned = (pages.batch(Drawn([Copy(0, turn)])) for turn in (0, 1))
    assert (QUESTIONS[ROTATION].options[upright.answers[0, ROTATION]].word) == "up"
    assert (QUESTIONS[ROTATION].options[turned.answers[0, ROTATION]].word) == "left"
    assert np.array_equal(turned.pages[0], np.rot90(upright.pages[0]))
    assert np.array_equal(turned.cells[0, 0], np.rot90(upright.cells[0, 0]))


def test_print_stands_where_the_ink_is() -> None:
    """Cells that words cover are darker than the others: boxes and pixels are of the same page, in the same place."""
    for number in range(0, 40, 8):
        page = make(5, number, Wanted(dpi=40, degrade=False))
        covered = cells_of(page).max(0) > 64
        side = TINY.edge // len(covered)
        dark = 255 - square(page.image, TINY.edge).reshape(len(covered), side, len(covered), side).mean((1, 3))
        assert not covered.any() or dark[covered].mean() > 2 * dark[~covered].mean()


def test_an_answer_that_is_no_option_stops_training() -> None:
    """A generator whose labels and the questions drift apart is an error, not a question that nobody trains."""
    page = make(5, 3, Wanted(dpi=30))
    assert min(target(page)) >= -1
    with pytest.raises(ValueError, match="'striped' is no answer to 'table'"):
        target(dataclasses.replace(page, labels={**page.labels, "table": "striped"}))


@pytest.mark.parametrize("preset", ["cpu", "accelerator"])
def test_a_recipe_builds_a_model_that_can_be_shipped(preset) -> None:
    """At most 15 million parameters, and as many image tokens in the prompt as the tower gives cells."""
    recipe = PRESETS[preset]
    model, processor = build(recipe)
    assert model.num_parameters() <= 15_000_000
    prompt = Asker.of(processor, recipe.edge, torch.device("cpu")).prompt["input_ids"]
    rows, columns = model.config.vision_config.grid
    assert int((prompt == processor.image_token_id).sum()) == rows * columns


def test_every_page_is_trained_on_before_it_comes_again() -> None:
    """New pages come in order without a gap, up to the limit; the others have been there before."""
    order, seen = Order(seed=3, batch=8, fresh=0.3, limit=50, edge=TINY.edge), 0
    for step in range(40):
        drawn = order(step)
        shown = [copy.page for copy in drawn.copies]
        assert shown[: drawn.fresh] == list(range(seen, seen + drawn.fresh))
        seen += drawn.fresh
        assert len(shown) == 8
        assert max(shown) < seen
    assert seen == 50


def test_where_a_page_lies_in_its_square_does_not_tell_how_it_was_turned() -> None:
    """Each turn comes with every small move: the uneven white beside a page is no clue to it."""
    order = Order(seed=3, batch=8, fresh=0.3, limit=50, edge=TINY.edge)
    copies = [copy for step in range(200) for copy in order(step).copies]
    moves = {turn: {(copy.down, copy.across) for copy in copies if copy.turn == turn} for turn in range(4)}
    assert all(found == {(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)} for found in moves.values())


def test_a_copy_is_moved_and_shaded_as_it_says(pages) -> None:
    """White comes in behind a page that moves; a gamma above 1 makes greys darker and leaves white and black."""
    plain, shown = (pages.batch(Drawn([copy])).pages[0] for copy in (Copy(0), Copy(0, 0, 3, -2, 1.5)))
    expected = np.full_like(plain, 255)
    expected[3:, :-2] = plain[:-3, 2:]
    assert np.array_equal(shown, np.round(255 * (expected / 255) ** 1.5).astype(np.uint8))


def test_a_llava_that_crops_the_page_is_refused(tmp_path) -> None:
    """A checkpoint whose processor cuts a square out of the page would never see its edges: it is not loaded."""
    save(*build(TINY), tmp_path / "saved")
    config = json.loads((tmp_path / "saved" / "processor_config.json").read_text())
    config["image_processor"] |= {"do_pad": False, "do_center_crop": True}
    (tmp_path / "saved" / "processor_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="crops the page"):
        VlmClassifier(tmp_path / "saved", FLOAT)
