"""Heat maps: each patch of the page is found in the token sequence, by tiny real checkpoints of both tiled families."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tiny_colpali import FAMILIES, SEQ, build_colpali

from pipeline.backends.colpali import ColPaliEmbedder
from pipeline.backends.patches import heat_of, patch_grid
from pipeline.errors import ModelError


@pytest.fixture(scope="module", params=FAMILIES)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ColPaliEmbedder:
    """A tiny checkpoint of each family, loaded as ingest loads it."""
    folder = build_colpali(request.param, tmp_path_factory.mktemp("models") / request.param)
    return ColPaliEmbedder(folder, name="tiny@1", device="cpu", dtype="float32")


def drawn(path: Path, *spots: tuple[float, float]) -> Path:
    """A portrait page of 60 by 120 with black squares at these places (fractions)."""
    image = Image.new("RGB", (60, 120), "white")
    for x, y in spots:
        ImageDraw.Draw(image).rectangle((60 * x - 6, 120 * y - 6, 60 * x + 6, 120 * y + 6), fill="black")
    image.save(path)
    return path


def rows_of(embedder: ColPaliEmbedder, path: Path) -> tuple[np.ndarray, np.ndarray]:
    with Image.open(path) as image:
        inputs = embedder._processor.process_images([image.convert("RGB")])
    return patch_grid(inputs, embedder._processor), embedder.embed_pages([path])[0]


def test_the_grid_covers_the_page_once(embedder: ColPaliEmbedder, tmp_path: Path) -> None:
    """Twice as many rows as columns for a page twice as high, and no token in two places."""
    grid, rows = rows_of(embedder, drawn(tmp_path / "page.png"))
    assert grid.shape[0] == 2 * grid.shape[1]
    assert len(set(grid.flat)) == grid.size
    assert grid.size % SEQ == 0
    assert grid.max() < len(rows)


@pytest.mark.parametrize("spot", [(0.2, 0.1), (0.8, 0.1), (0.2, 0.9), (0.8, 0.6)])
def test_what_is_drawn_somewhere_changes_the_patch_there(
    embedder: ColPaliEmbedder, tmp_path: Path, spot: tuple[float, float]
) -> None:
    """A black square moves the row of the patch it lies on more than any far from it."""
    grid, blank = rows_of(embedder, drawn(tmp_path / "blank.png"))
    _, marked = rows_of(embedder, drawn(tmp_path / "marked.png", spot))
    moved = np.linalg.norm(marked - blank, axis=1)[grid]
    row, column = np.unravel_index(moved.argmax(), moved.shape)
    assert (column + 0.5) / grid.shape[1] == pytest.approx(spot[0], abs=1.5 / grid.shape[1])
    assert (row + 0.5) / grid.shape[0] == pytest.approx(spot[1], abs=1.5 / grid.shape[0])


def test_the_patch_that_says_what_is_asked_is_hottest(embedder: ColPaliEmbedder, tmp_path: Path) -> None:
    """Asked with a patch's own row, the map is 1 there; the median patch and those below it are 0."""
    spot = (0.7, 0.8)
    grid, rows = rows_of(embedder, drawn(tmp_path / "page.png", spot))
    row, column = int(spot[1] * grid.shape[0]), int(spot[0] * grid.shape[1])
    heat = heat_of(rows[grid[row, column]][None], rows, grid)
    assert np.unravel_index(heat.argmax(), heat.shape) == (row, column)
    assert heat[row, column] == 1
    assert (heat == 0).mean() >= 0.5


def test_heat_of_a_question(embedder: ColPaliEmbedder, tmp_path: Path) -> None:
    """Shares of 0 to 1 over the page, another map for another question."""
    page = drawn(tmp_path / "page.png", (0.3, 0.2))
    first, second = embedder.heat(page, "governing law"), embedder.heat(page, "notice")
    assert first.shape == second.shape
    assert first.min() == 0
    assert first.max() == 1
    assert not np.allclose(first, second)


class Processor:
    """The few things of a processor that the grid asks for, as the other families have them."""

    image_token = "<image>"

    def __init__(self, merge: int = 2) -> None:
        self.image_processor = type("Images", (), {"merge_size": merge})()
        self.tokenizer = self

    def convert_tokens_to_ids(self, token: str) -> int:
        return 9

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return ["other" for _ in ids]


def batch(tokens: list[int], **more: object) -> dict[str, object]:
    return {"input_ids": np.array([tokens]), **more}


def test_a_square_and_a_reported_grid() -> None:
    """PaliGemma's tokens are a square; Qwen's are the grid it reports, merged two by two."""
    square = patch_grid(batch([1, *[9] * 16, 2]), Processor())
    assert square.tolist() == np.arange(1, 17).reshape(4, 4).tolist()
    wide = patch_grid(batch([1, *[9] * 6, 2], image_grid_thw=[[1, 4, 6]]), Processor())
    assert wide.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("inputs", [batch([1, 2]), batch([9] * 15), batch([9] * 5, image_grid_thw=[[1, 4, 6]])])
def test_an_unknown_layout_is_an_error(inputs: dict[str, object]) -> None:
    """No picture rather than a wrong one."""
    with pytest.raises(ModelError, match="no heat map"):
        patch_grid(inputs, Processor())
