"""The vision tower of the bundled page models: its grid, its registration, its files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, LlavaConfig, LlavaForConditionalGeneration

from pipeline.backends.tower import PageTower, PageTowerConfig

BLOCKS = [
    {"channels": 16},
    {"channels": 24, "kernel": [5, 5], "stride": [2, 1], "squeeze": True},
    {"channels": 24, "stride": [2, 2], "bare": True},
    {"channels": 32, "kernel": [1, 4], "stride": [1, 4], "dense": True, "normed": True},
]


@pytest.fixture
def config() -> PageTowerConfig:
    """A trunk with every kind of block: cells 8 pixels high and 16 wide."""
    return PageTowerConfig(image_size=64, blocks=BLOCKS, hidden_size=32, intermediate_size=48)


@pytest.fixture
def tower(config: PageTowerConfig) -> PageTower:
    """The same seed, the same weights."""
    torch.manual_seed(0)
    return PageTower(config).eval()


def test_uneven_strides_make_the_grid_the_config_says(config: PageTowerConfig, tower: PageTower) -> None:
    """Rows and columns come from the product of the strides, and the trunk really has them."""
    assert (config.stride, config.grid) == ((8, 16), (8, 4))
    assert tower.features(torch.zeros(1, 3, 64, 64)).shape == (1, 32, *config.grid)


def test_states_are_cells_row_by_row(tower: PageTower) -> None:
    """What changes in one corner of the page changes the trunk's cells there and nowhere else."""
    blank = torch.ones(1, 3, 64, 64)
    inked = blank.clone()
    inked[..., 56:, 48:] = -1
    torch.nn.init.zeros_(tower.blocks[1].squeeze.up.weight)  # squeezing looks at the whole page
    with torch.inference_mode():
        first, other = (tower(pixels).hidden_states[0] for pixels in (blank, inked))
    changed = (first - other).abs().sum(dim=2)[0].view(8, 4)
    assert changed[7, 3] > 0
    assert changed[:6].max() == 0
    assert changed[:, :2].max() == 0


STRIPS = [{"channels": 16}, {"channels": 24, "stride": [4, 2], "squeeze": True}]


def test_strips_of_a_sheet_are_seen_one_by_one() -> None:
    """A strip's maps are those of the strip alone, whatever stands on the others; empty strips are all alike."""
    torch.manual_seed(0)
    config = PageTowerConfig(image_size=64, strip=16, strips=6, blocks=STRIPS, hidden_size=32, attention_layers=0)
    tower, sheet = PageTower(config).eval(), torch.ones(2, 3, 96, 64)
    sheet[0, :, 20:28, 8:40] = -1
    sheet[1, :, 64:70, 30:60] = -0.5
    assert (config.stride, config.grid) == ((8, 4), (12, 16))
    with torch.inference_mode():
        maps = tower.features(sheet)
        alone = torch.cat([tower.features(strip) for strip in sheet.split(16, dim=2)], dim=2)
        assert maps.shape == (2, 24, *config.grid)
        torch.testing.assert_close(maps, alone, atol=1e-5, rtol=1e-4)
        full = tower.features(torch.zeros(1, 3, 96, 64))
    torch.testing.assert_close(full[:, :, :2], full[:, :, 10:])


def test_an_added_block_adds_to_what_came_in() -> None:
    """With a last layer that says nothing the maps go through as they are."""
    torch.manual_seed(0)
    blocks = [{"channels": 16}, {"channels": 16, "kernel": [1, 9], "added": True}]
    with_it, without = (PageTower(PageTowerConfig(blocks=blocks[:count], attention_layers=0)) for count in (2, 1))
    with_it.load_state_dict(without.state_dict(), strict=False)
    point = with_it.blocks[1].point
    torch.nn.init.zeros_(point.weight)
    torch.nn.init.zeros_(point.bias)
    pixels = torch.randn(1, 3, 32, 64)
    with torch.inference_mode():
        torch.testing.assert_close(with_it.features(pixels), without.features(pixels))


def test_attention_lets_a_cell_see_the_whole_page(tower: PageTower) -> None:
    """After the layers even the far corner knows of the ink."""
    blank = torch.ones(1, 3, 64, 64)
    inked = blank.clone()
    inked[..., 56:, 48:] = -1
    with torch.inference_mode():
        first, other = (tower(pixels).last_hidden_state[0, 0] for pixels in (blank, inked))
    assert (first - other).abs().max() > 0


def test_last_hidden_state_is_the_last_of_the_states(tower: PageTower) -> None:
    """Llava reads `hidden_states[-1]`, ModernVBert `last_hidden_state`: one and the same."""
    output = tower(torch.zeros(2, 3, 64, 64))
    assert output.last_hidden_state.shape == (2, 32, 32)
    assert torch.equal(output.hidden_states[-1], output.last_hidden_state)


def test_checkpoint_comes_back_whole(tower: PageTower, tmp_path: Path) -> None:
    """Saved and loaded by transformers' own AutoModel, without remote code, it gives the same page the same cells."""
    tower.save_pretrained(tmp_path)
    loaded, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    pixels = torch.rand(1, 3, 64, 64)
    assert torch.equal(loaded.eval()(pixels).last_hidden_state, tower(pixels).last_hidden_state)


def test_llava_builds_it_from_its_vision_config(config: PageTowerConfig) -> None:
    """`vision_config` alone names the tower; its numbers reach the language model's width."""
    text = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 40}
    llava = LlavaConfig(
        vision_config=config.to_dict(),
        text_config=text,
        image_token_index=39,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
    )
    model = LlavaForConditionalGeneration(llava).eval()
    tokens = torch.tensor([[1, *[39] * 32, 2]])
    assert model(input_ids=tokens, pixel_values=torch.zeros(1, 3, 64, 64)).logits.shape == (1, 34, 40)
