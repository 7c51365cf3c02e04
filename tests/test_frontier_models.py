"""Prices and image sizes: the dated table, what a call costs, and the size a page is sent at."""

from dataclasses import replace
from decimal import Decimal

import pytest

from pipeline.errors import UsageError
from pipeline.frontier.answers import Usage
from pipeline.frontier.client import MOST_OUTPUT, OUTPUT_A_PAGE
from pipeline.frontier.models import MODELS, Model, best_size, image_tokens, model_of
from pipeline.frontier.prompts import EDGE_CHARACTERS, LAYER_CHARACTERS, PREFIX_TOKENS, tokens_of

SONNET, HAIKU = MODELS["claude-sonnet-5-5"], MODELS["claude-haiku-4-5"]
MILLION = 1_000_000


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(MILLION, 0), "2"),
        (Usage(0, MILLION), "10"),
        (Usage(0, 0, MILLION, 0), "2.5"),
        (Usage(0, 0, 0, MILLION), "0.1"),
        (Usage(1000, 200, 4000, 8000), "0.0148"),
        (Usage(0, 0), "0"),
    ],
    ids=str,
)
def test_a_call_costs_what_its_tokens_cost(usage, usd):
    """Input, output, tokens written to and read from the cache, each at its own price; a batch at half of all."""
    assert SONNET.cost(usage) == Decimal(usd)
    assert SONNET.cost(usage, batch=True) == Decimal(usd) / 2


def test_a_reservation_covers_every_way_the_call_can_be_billed():
    """What is reserved is no less than the cost with all input written to the cache and all output used."""
    for model in MODELS.values():
        for usage in (Usage(5000, 6000), Usage(0, 6000, 5000, 0), Usage(0, 6000, 0, 5000)):
            assert model.cost(usage) <= model.most(5000, 6000)
            assert model.cost(usage, batch=True) <= model.most(5000, 6000, batch=True)


def test_reads_from_the_cache_cost_the_models_own_share():
    """A tenth of an input token, a twentieth or a fortieth where the table says so."""
    shares = {name: MODELS[name].cost(Usage(0, 0, 0, MILLION)) / MODELS[name].input for name in MODELS}
    assert shares["claude-haiku-5-5"] == Decimal("0.1") and shares["claude-fable-5-1"] == Decimal("0.025")
    assert shares["claude-opus-5-5"] == shares["claude-sonnet-5-5"] == Decimal("0.05")


def test_no_request_reaches_the_length_from_which_a_prompt_costs_more():
    """haiku-5-5 is dearer above 100,000 tokens; the longest request of a few pages stays below them."""
    words = tokens_of("x" * (LAYER_CHARACTERS + 2 * EDGE_CHARACTERS + 200))
    page = max(words, SONNET.image_tokens + tokens_of("x" * (2 * EDGE_CHARACTERS + 200)))
    assert PREFIX_TOKENS + MOST_OUTPUT // OUTPUT_A_PAGE * page < 100_000


def test_settings_win_over_the_table():
    """A price from the settings is the price; the model's images stay what the table says."""
    model = model_of("claude-sonnet-5-5", "3/15")
    assert (model.input, model.output, model.edge) == (Decimal(3), Decimal(15), SONNET.edge)
    assert model_of("qwen3-vl", "0/0").cost(Usage(MILLION, MILLION)) == 0


def test_inference_kept_in_the_us_costs_a_tenth_more():
    """The table's prices carry the surcharge of the region; prices from the settings are taken as they are."""
    kept = model_of("claude-sonnet-5-5", region="us")
    assert (kept.input, kept.output) == (Decimal("2.2"), Decimal("11"))
    assert model_of("claude-sonnet-5-5", region="global") == SONNET
    assert model_of("claude-sonnet-5-5", "2/10", region="us") == SONNET


def test_an_unknown_price_is_an_error_unless_the_server_is_the_firms_own():
    """A budget can't be kept over unknown prices; the firm's own server costs nothing a call."""
    with pytest.raises(UsageError, match="qwen3-vl"):
        model_of("qwen3-vl")
    assert model_of("qwen3-vl", free=True).most(10_000, 10_000) == 0


@pytest.mark.parametrize("prices", ["2", "2/10/3", "two/ten", "-1/5", "nan/5", "1/inf", "/"])
def test_a_price_that_is_none_is_refused(prices):
    """Anything but two numbers from zero up is an error that names the setting."""
    with pytest.raises(UsageError, match="MUNIMENT_FRONTIER_PRICES"):
        model_of("claude-sonnet-5-5", prices)


@pytest.mark.parametrize(
    ("size", "model", "sent", "tokens"),
    [
        ((3840, 2160), SONNET, (2576, 1449), 4784),  # the provider's own examples
        ((3840, 2160), HAIKU, (1456, 819), 1560),
        ((1075, 1520), HAIKU, (924, 1307), 1551),
        ((1000, 1000), SONNET, (1000, 1000), 1296),
        ((200, 200), HAIKU, (200, 200), 64),
        ((1, 1), SONNET, (1, 1), 1),
        ((1, 20_000), SONNET, (1, 2576), 92),
        ((20_000, 20_000), HAIKU, (1092, 1092), 1521),
        ((56, 28), SONNET, (56, 28), 2),
        ((57, 28), SONNET, (57, 28), 3),
    ],
    ids=str,
)
def test_the_best_size_is_the_one_the_model_would_make_itself(size, model, sent, tokens):
    """The largest size of the shape within the model's edge and tokens, never enlarged, at least one pixel."""
    assert best_size(*size, model) == sent and image_tokens(*sent) == tokens


@pytest.mark.parametrize("size", [(1700, 2200), (2339, 1654), (5000, 7000), (20_000, 300), (1933, 1931)])
@pytest.mark.parametrize("model", [SONNET, HAIKU], ids=lambda model: model.id)
def test_the_best_size_is_within_the_limits_and_no_larger_one_is(size, model):
    """One pixel more along the longer edge would break a limit."""
    width, height = best_size(*size, model)
    assert max(width, height) <= model.edge and image_tokens(width, height) <= model.image_tokens
    longest = max(width, height) + 1
    larger = tuple(max(1, side * longest // max(size)) for side in size)
    assert longest > min(max(size), model.edge) or image_tokens(*larger) > model.image_tokens


def test_a_size_bounded_by_tokens_fills_whole_patches():
    """Along one edge not a pixel of a begun patch is wasted (a begun one costs as much as a whole one)."""
    model = replace(SONNET, edge=100_000, image_tokens=100)
    width, height = best_size(3000, 3000, model)
    assert (width % 28, height % 28) == (0, 0) and image_tokens(width, height) == 100


def test_every_model_of_the_table_is_priced_and_sized():
    """No row of the table is half filled."""
    for name, model in MODELS.items():
        assert isinstance(model, Model) and model.id == name
        assert 0 < model.input < model.output and 0 < model.cache_read <= Decimal("0.1")
        assert (model.edge, model.image_tokens) in ((2576, 4784), (1568, 1568))
