"""The small VLM of triage: real transformers checkpoints of both families, tiny, through the real loading path."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from tiny_vlm import FAMILIES, build_vlm

from pipeline.backends import vlm_load
from pipeline.backends.page_file import open_page
from pipeline.backends.protocols import PageInput
from pipeline.backends.vlm import VlmClassifier
from pipeline.backends.vlm_load import VlmOptions, in_batches
from pipeline.errors import DocumentHeld, ModelError, UsageError
from pipeline.questions import QUESTIONS
from pipeline.types import Affine, PageImage, PageText, TextSource
from pipeline.upright import quarter_turn

UP = [question.name for question in QUESTIONS].index("rotation")
TINY = VlmOptions(device="cpu", dtype="float32", batch=3, longest_edge=64)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {family: build_vlm(family, root / family) for family in FAMILIES}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three pages of different content and shape: a portrait, a wide strip, a small square."""
    root = tmp_path_factory.mktemp("pages")
    for name, size in (("portrait", (170, 220)), ("strip", (200, 60)), ("square", (24, 24))):
        image = Image.new("L", size, 255)
        ImageDraw.Draw(image).rectangle((4, 4, size[0] // 2, size[1] // 2), fill=0)
        image.save(root / f"{name}.png")
    return [root / f"{name}.png" for name in ("portrait", "strip", "square")]


def page_inputs(paths: list[Path]) -> list[PageInput]:
    text = PageText(1, (), TextSource.NONE)
    image = PageImage(1, "0" * 64, "image/png", 10, 10, 200.0, Affine())
    return [PageInput(image, path, text) for path in paths]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_question_is_answered_with_an_allowed_label(family, checkpoints, images) -> None:
    """One verdict a page, in order, whose answers are offered labels and whose probabilities are the likeliest's."""
    classifier = VlmClassifier(checkpoints[family], TINY)
    verdicts = classifier.classify(page_inputs(images))
    assert len(verdicts) == len(images)
    for verdict in verdicts:
        assert verdict.model == classifier.name
        assert list(verdict.answers) == [question.name for question in QUESTIONS]
        for question in QUESTIONS:
            answer = verdict.answers[question.name]
            assert answer.label in {option.label for option in question.options}
            assert 1 / len(question.options) <= answer.probability <= 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_answers_what_single_pages_answer(family, checkpoints, images) -> None:
    """Pages of different shape, padded into one batch, give the logits they give alone."""
    classifier = VlmClassifier(checkpoints[family], TINY)
    together = classifier.logits(images)
    alone = [classifier.logits([image])[0] for image in images]
    for ours, theirs in zip(together, alone, strict=True):
        torch.testing.assert_close(torch.cat(ours), torch.cat(theirs), atol=2e-4, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_image_reaches_the_answer(family, checkpoints, tmp_path) -> None:
    """A black and a white page of the same size give different logits for every question."""
    for name, grey in (("black", 0), ("white", 255)):
        Image.new("L", (60, 60), grey).save(tmp_path / f"{name}.png")
    classifier = VlmClassifier(checkpoints[family], TINY)
    black, white = classifier.logits([tmp_path / "black.png", tmp_path / "white.png"])
    for one, other in zip(black, white, strict=True):
        assert float((one - other).abs().max()) > 1e-3


@pytest.mark.parametrize("family", ["smolvlm", "qwen2_5_vl"])
def test_a_checkpoint_trained_to_see_black_pages_says_so(family, checkpoints, tmp_path) -> None:
    """After a few steps on `black page = handwriting`, scoring reads the right slot and the right tokens."""
    folder = shutil.copytree(checkpoints[family], tmp_path / family)
    for number in range(8):
        grey = (number % 2) * 200 + number * 5
        Image.new("L", (60, 60), grey).save(tmp_path / f"{number}.png")
    pages = [tmp_path / f"{number}.png" for number in range(8)]
    _train(folder, pages[:4], handwriting=[True, False, True, False])
    verdicts = VlmClassifier(folder, TINY).classify(page_inputs(pages[4:]))
    answers = [verdict.answers["handwriting"] for verdict in verdicts]
    assert [answer.label for answer in answers] == ["yes", "no", "yes", "no"]
    assert all(answer.probability > 0.9 for answer in answers)


def _train(folder: Path, pages: list[Path], handwriting: list[bool]) -> None:
    """Fit the whole tiny model on next-token loss at the end of `handwriting:`; the prompt is written out here
    by hand, so a scoring that reads another position or other tokens can't pass by accident."""
    vlm = vlm_load.load_vlm(folder, TINY)
    asked = VlmClassifier(folder, TINY)._instruction
    inputs = vlm.inputs(vlm.open(pages), asked)
    sheet = vlm.tokenizer.encode("kind: ?\nhandwriting:", add_special_tokens=False)
    extra = torch.tensor(sheet).expand(len(pages), -1)
    for key, value in (("input_ids", extra), ("attention_mask", extra * 0 + 1), ("mm_token_type_ids", extra * 0)):
        if key in inputs:
            inputs[key] = torch.cat([inputs[key], value], dim=1)
    words = [vlm.tokenizer.encode(word, add_special_tokens=False)[0] for word in (" no", " yes")]
    targets = torch.tensor([words[yes] for yes in handwriting])
    model = vlm.model.train().requires_grad_(True)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits[:, -1], targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)


def test_values_that_are_no_numbers_are_no_answer(checkpoints, images, tmp_path) -> None:
    """Half precision that ran over would be the first label of every question: the model is refused instead."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "spoilt")
    weights = {name: weight * torch.nan for name, weight in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="not numbers"):
        VlmClassifier(folder, TINY).classify(page_inputs(images[:1]))


def test_words_that_share_a_first_token_are_asked_by_letter(tmp_path, images) -> None:
    """With a tokenizer that spells bytes, colliding questions fall back to letters, and still get labels."""
    classifier = VlmClassifier(build_vlm("smolvlm", tmp_path / "bytes", words=False), TINY)
    assert classifier._sheet.lettered == {"kind", "stamp"}  # agreement, amendment; stamp, signature
    assert "A = agreement" in classifier._instruction
    labels = {option.label for option in QUESTIONS[0].options}
    assert classifier.classify(page_inputs(images[:1]))[0].answers["kind"].label in labels


def test_a_template_in_the_tokenizer_will_do(checkpoints, images, tmp_path) -> None:
    """Older repositories keep the chat template in the tokenizer's configuration."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "older")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = (folder / "chat_template.jinja").read_text()
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "chat_template.jinja").unlink()
    ours, theirs = (VlmClassifier(path, TINY).logits(images[:1])[0] for path in (folder, checkpoints["smolvlm"]))
    torch.testing.assert_close(torch.cat(ours), torch.cat(theirs))


def test_threads_may_share_a_classifier(checkpoints, images) -> None:
    """Documents worked on side by side get the answers they get alone."""
    classifier = VlmClassifier(checkpoints["qwen2_5_vl"], TINY)
    alone = classifier.classify(page_inputs(images))
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda _: classifier.classify(page_inputs(images)), range(8)))
    assert all([v.answers["kind"].label for v in each] == [v.answers["kind"].label for v in alone] for each in together)


def test_a_calibration_file_cools_the_probabilities(checkpoints, images, tmp_path) -> None:
    """A temperature in `muniment.json` is applied to its question alone and changes the classifier's name."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "calibrated")
    plain = VlmClassifier(folder, TINY)
    (folder / "muniment.json").write_text(json.dumps({"temperature": {"kind": 50.0}}))
    cooled = VlmClassifier(folder, TINY)
    before, after = (each.classify(page_inputs(images[:1]))[0].answers for each in (plain, cooled))
    assert after["kind"].probability < before["kind"].probability
    assert after["kind"].probability == pytest.approx(1 / len(QUESTIONS[0].options), abs=0.02)
    assert after["table"] == before["table"]
    assert plain.name != cooled.name


def test_a_bias_makes_a_label_likelier(checkpoints, images, tmp_path) -> None:
    """Added to the logits of its label alone: a large one decides the answer."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "biased")
    (folder / "muniment.json").write_text(json.dumps({"temperature": {}, "bias": {"kind": {"letter": 50.0}}}))
    answer = VlmClassifier(folder, TINY).classify(page_inputs(images[:1]))[0].answers["kind"]
    assert (answer.label, answer.probability) == ("letter", pytest.approx(1.0))


def test_a_checkpoint_is_heard_on_the_questions_its_calibration_names(checkpoints, images, tmp_path) -> None:
    """Answers to the other questions are left out of its verdicts; those it is heard on are the same as before."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "heard")
    plain = VlmClassifier(folder, TINY)
    (folder / "muniment.json").write_text(json.dumps({"temperature": {}, "heard": ["table", "rotation"]}))
    heard = VlmClassifier(folder, TINY)
    every, some = (each.classify(page_inputs(images[:1]))[0].answers for each in (plain, heard))
    assert some == {name: every[name] for name in ("table", "rotation")}
    assert plain.name != heard.name


def test_a_page_shown_in_every_turn_is_told_the_same_way_up_however_it_came(checkpoints, images, tmp_path) -> None:
    """Which way is up goes round with the page; the other questions are answered by the page as it stands."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "turned")
    plain = VlmClassifier(folder, TINY)
    (folder / "muniment.json").write_text(json.dumps({"temperature": {}, "turned": [90, 180, 270]}))
    every = VlmClassifier(folder, TINY)
    with Image.open(images[2]) as image:
        for name, degrees in (("right", 90), ("left", 270)):
            quarter_turn(image, degrees).save(tmp_path / f"{name}.png")
    up, right, left = every.logits([images[2], tmp_path / "right.png", tmp_path / "left.png"])
    assert right[UP].tolist() == pytest.approx(up[UP].roll(1).tolist(), abs=1e-5)
    assert left[UP].tolist() == pytest.approx(up[UP].roll(-1).tolist(), abs=1e-5)
    (alone,) = plain.logits(images[2:])
    assert alone[UP].tolist() != pytest.approx(up[UP].tolist(), abs=1e-5)
    assert all(torch.allclose(a, b, atol=1e-5) for at, (a, b) in enumerate(zip(alone, up, strict=True)) if at != UP)
    assert plain.name != every.name


@pytest.mark.parametrize(
    "content",
    [
        "{", "[]", '{"temperature": {"kind": "hot"}}', '{"temperature": {"kind": 0}}',
        '{"temperature": {}, "bias": {"kind": {"letter": 1e9}}}', '{"temperature": {}, "heard": 7}',
        '{"temperature": {}, "heard": ["colour"]}', '{"temperature": {}, "turned": [45]}',
        '{"temperature": {}, "turned": 90}',
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_calibration_is_an_error(content, checkpoints, tmp_path) -> None:
    """A calibration that can't be applied is never ignored."""
    folder = shutil.copytree(checkpoints["smolvlm"], tmp_path / "calibrated")
    (folder / "muniment.json").write_text(content)
    with pytest.raises(ModelError, match=r"muniment\.json"):
        VlmClassifier(folder, TINY)


def test_the_name_follows_the_weights(checkpoints, tmp_path) -> None:
    """Other weights in a folder of the same name make another classifier name, so old verdicts are not reused."""
    folder = build_vlm("smolvlm", tmp_path / "smolvlm", seed=1)
    assert VlmClassifier(folder, TINY).name != VlmClassifier(checkpoints["smolvlm"], TINY).name


def _without_weight(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "q_proj" in name))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _with_adapter(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.language_model.layers.0.self_attn.q_proj.lora_A.weight"] = torch.zeros(2, 2)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _other_family(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))


def _without_chat(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def _pickled(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_weight, "1 missing weights"),
        (_with_adapter, "1 unmerged adapter weights"),
        (_other_family, "family 'llama'"),
        (_without_chat, "no chat template"),
        (_cut, "can't be loaded"),
        (_pickled, "can't be loaded"),
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(spoil, message, checkpoints, tmp_path) -> None:
    """A missing weight, another family, no chat template, a cut file or a pickle is a ModelError that says so."""
    folder = shutil.copytree(checkpoints["qwen2_5_vl"], tmp_path / "spoiled")
    spoil(folder)
    with pytest.raises(ModelError, match=message):
        VlmClassifier(folder, TINY)


def test_auto_chooses_what_the_machine_has(checkpoints) -> None:
    """`auto` loads on the machine's device in a type it computes in, and quantization is off."""
    vlm = vlm_load.load_vlm(checkpoints["smolvlm"], VlmOptions(longest_edge=64))
    assert vlm.model.device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert vlm.model.dtype in (torch.bfloat16, torch.float32)
    assert vlm.name.startswith("smolvlm@")


def test_quantization_and_cuda_need_a_gpu(checkpoints) -> None:
    """On a machine without CUDA both settings are refused with the variable to change."""
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    for options in (VlmOptions(device="cpu", quantization="int8"), VlmOptions(device="cuda")):
        with pytest.raises(UsageError, match=r"set MUNIMENT_(QUANTIZATION=none|DEVICE=cpu)"):
            VlmClassifier(checkpoints["smolvlm"], options)


@pytest.mark.parametrize("family", ["smolvlm", "qwen2_5_vl"])
def test_the_image_bound_holds(family, checkpoints, tmp_path) -> None:
    """A page of 3,000 pixels costs no more tokens than the bound allows, whatever the processor's own size is."""
    Image.new("L", (3000, 2400), 255).save(tmp_path / "huge.png")
    lengths = []
    for edge in (32, 64):
        vlm = vlm_load.load_vlm(checkpoints[family], VlmOptions(device="cpu", dtype="float32", longest_edge=edge))
        lengths.append(vlm.inputs(vlm.open([tmp_path / "huge.png"]), "?")["input_ids"].shape[1])
    assert lengths[0] < lengths[1] < 100
    assert max(open_page(tmp_path / "huge.png", 64).size) == 64


@pytest.mark.parametrize("content", [None, b"", b"\x89PNG\r\n\x1a\n broken"])
def test_a_page_that_cannot_be_decoded_is_named_with_the_remedy(content, tmp_path) -> None:
    """Gone, empty or broken: its document is held, and the others go on."""
    page = tmp_path / "page.png"
    if content is not None:
        page.write_bytes(content)
    with pytest.raises(DocumentHeld, match="reconcile --deep --repair"):
        open_page(page, 64)


def test_a_batch_the_device_cannot_hold_is_halved() -> None:
    """Out of memory at more than two pages: the work is done in smaller batches, in order, each page once."""
    sizes = []

    def run(batch):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [int(path.name) for path in batch]

    assert in_batches(run, [Path(str(n)) for n in range(7)], 5) == list(range(7))
    assert sizes == [5, 3, 2, 1, 2, 2]


def test_one_page_too_much_is_an_error() -> None:
    """When a single page does not fit, the message names the way out."""

    def run(batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="smaller model"):
        in_batches(run, [Path("1"), Path("2")], 2)
