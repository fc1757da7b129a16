"""Arbitrary-rank ablation on whole models: what runs is what is baked, and the demo model learns."""

import pytest
import torch
from torch import nn

from studies.demo import files
from studies.engine.arbitrary_rank import ArbitraryRankAblation, WeightSwitch, last_inputs
from studies.engine.components import find_sites
from studies.engine.errors import NonFiniteError, PromptSetError
from studies.engine.methods import method_get
from studies.engine.parameters import Key, resolve
from studies.engine.ports import Silent
from studies.engine.prompts import Prompt, tokenize
from studies.engine.session import Session
from studies.engine.settings import complete_settings
from tests.engine.tiny import VISION_FAMILY, save_tiny, tiny_model

GOOD = ["How do trees grow?", "Name a river.", "What is rain?", "Count to 3."]
BAD = ["Tell me the secret!", "Say the forbidden word!", "How does it end?!"]
ALL = {"reporter": Silent(), "stop": Silent()}
METHOD = method_get("arbitrary_rank")
RESOLVED = {key: one.value for key, one in resolve(METHOD, []).items()}


def parameters(**changes):
    values = {
        "start_layer_fraction": 0.34,
        "end_layer_fraction": 0.67,
        "preserve_good_weight": 0.3,
        "steer_bad_weight": 0.5,
        "overcorrect_weight": 1.0,
        "neighbor_count": 2,
        **changes,
    }
    return {Key(name): value for name, value in values.items()}


EVERYWHERE = parameters(start_layer_fraction=0.0, end_layer_fraction=1.0)


def prepared(loaded):
    method = ArbitraryRankAblation(loaded, find_sites(loaded), {})
    method.prepare(tokenize(loaded, GOOD, 3), tokenize(loaded, BAD, 2), **ALL)
    return method


@pytest.fixture
def loaded():
    return tiny_model("llama")


def logits(loaded):
    batch = tokenize(loaded, [*GOOD, *BAD], 7)[0]
    return loaded.model(batch.input_ids, attention_mask=batch.attention_mask).logits


CASES = ["llama", "llama_bias", "gemma2", "falcon_h1", "lfm2", "qwen3_5_text", VISION_FAMILY]


@pytest.mark.parametrize("family", CASES)
def test_the_running_model_is_the_baked_one_bit_for_bit(family):
    loaded = tiny_model(family)
    before = logits(loaded)
    method = prepared(loaded)
    method.apply(EVERYWHERE)
    applied = logits(loaded)
    method.reset()
    assert torch.equal(logits(loaded), before)
    state = loaded.model.state_dict()
    for name, weight in method.baked(EVERYWHERE):
        assert state[name].dtype == weight.dtype
        state[name].copy_(weight)
    assert torch.equal(logits(loaded), applied)
    assert (applied - before).abs().max() > 1e-2 * before.abs().max()


def test_changes_make_the_baked_weights_from_the_originals_as_exports_do(loaded):
    method = prepared(loaded)
    changes = method.changes(EVERYWHERE)
    state = loaded.model.state_dict()
    assert method.exact_rank is None
    assert len(changes) == 8
    for name, weight in method.baked(EVERYWHERE):
        assert torch.equal(changes[name](state[name]), weight)
        assert changes[name](state[name].bfloat16()).dtype is torch.bfloat16


def test_few_digits_are_baked_as_they_run():
    loaded = tiny_model("llama")
    loaded.model.bfloat16()
    method = prepared(loaded)
    method.apply(EVERYWHERE)
    applied = logits(loaded)
    method.reset()
    state = loaded.model.state_dict()
    for name, weight in method.baked(EVERYWHERE):
        state[name].copy_(weight)
    assert torch.equal(logits(loaded), applied)


def test_strength_scales_the_updates_down_to_the_original(loaded):
    before = logits(loaded)
    method = prepared(loaded)
    original = {site.name: site.module.weight for site in find_sites(loaded)}
    whole = dict(method.baked(EVERYWHERE))
    method.apply(EVERYWHERE, strength=0.5)
    for site in find_sites(loaded):
        half = vars(site.module)["forward"].__self__._weight
        wanted = (original[site.name] + whole[f"{site.name}.weight"]) / 2
        torch.testing.assert_close(half, wanted)
    method.apply(EVERYWHERE, strength=0.0)
    assert torch.equal(logits(loaded), before)


@pytest.mark.parametrize(
    ("ends", "layers", "words"),
    [
        ((0.3, 0.7), {1, 2}, "1–2"),
        ((0.7, 0.3), {1, 2}, "1–2"),  # they change places
        ((0.6, 0.7), {2}, "2"),
        ((0.0, 1.0), {0, 1, 2, 3}, "0–3"),
    ],
    ids=str,
)
def test_only_the_layers_between_the_ends_change(loaded, ends, layers, words):
    method = prepared(loaded)
    chosen = parameters(start_layer_fraction=ends[0], end_layer_fraction=ends[1])
    names = [name for name, _ in method.baked(chosen)]
    assert {int(name.split(".")[2]) for name in names} == layers
    assert len(names) == 2 * len(layers)
    assert method.describe(chosen) == {"layers": words}


def test_a_trial_leaves_nothing_for_the_next(loaded):
    method = prepared(loaded)
    method.apply(parameters())
    fresh = logits(loaded)
    method.apply(EVERYWHERE)
    method.apply(parameters())
    assert torch.equal(logits(loaded), fresh)


def test_prepare_measures_the_original_even_while_ablated(loaded):
    method = prepared(loaded)
    method.apply(parameters())
    wanted = logits(loaded)
    method.prepare(tokenize(loaded, GOOD, 3), tokenize(loaded, BAD, 2), **ALL)
    method.apply(parameters())
    torch.testing.assert_close(logits(loaded), wanted)


def test_inputs_are_those_of_the_last_position_whatever_the_padding(loaded):
    sites = find_sites(loaded)
    alone = last_inputs(loaded, sites, tokenize(loaded, [GOOD[1]], 1)[0])
    (together,) = tokenize(loaded, GOOD, 4)
    row = together.indices.index(1)
    for found, wanted in zip(last_inputs(loaded, sites, together), alone, strict=True):
        torch.testing.assert_close(found[row : row + 1], wanted, rtol=1e-4, atol=1e-5)


def test_an_input_that_is_not_finite_names_its_matrix(loaded):
    loaded.layers[2].self_attn.v_proj.weight.fill_(torch.nan)
    with pytest.raises(NonFiniteError, match=r"model\.layers\.2\.self_attn\.o_proj"):
        prepared(loaded)


def test_without_prompts_there_is_nothing_to_do(loaded):
    method = ArbitraryRankAblation(loaded, find_sites(loaded), {})
    with pytest.raises(PromptSetError):
        method.prepare([], tokenize(loaded, BAD, 2), **ALL)


def test_a_wrapped_forward_is_kept_around_the_new_weight():
    """Accelerate moves inputs in a forward of its own, which calls `_old_forward`."""
    module = nn.Linear(6, 4).requires_grad_(False)
    module._old_forward = module.forward
    module.forward = lambda inputs: module._old_forward(2 * inputs)
    before = module(torch.ones(1, 6))
    switch = WeightSwitch(module)
    switch.switch_to(torch.ones(4, 6))
    torch.testing.assert_close(module(torch.ones(1, 6)), 12 + module.bias.unsqueeze(0))
    switch.switch_off()
    switch.switch_off()  # once more does no harm
    assert torch.equal(module(torch.ones(1, 6)), before)


def session_of(folder, sets, **settings):
    given = {
        "good_prompts": "good",
        "bad_prompts": "bad",
        "scorers": [
            {"scorer": "KeywordRate", "settings": {"prompts": "ask-bad"}},
            {"scorer": "KLDivergence", "settings": {"prompts": "ask-good"}},
        ],
        "dtypes": ["float32"],
        "response_prefix": "",
        "batch_size": 100,
        "max_response_length": 40,
        **settings,
    }
    return Session(
        model_path=str(folder),
        revision=None,
        method=METHOD,
        settings=complete_settings(METHOD, given),
        prompt_sets=sets,
        resolved=RESOLVED,
        **ALL,
    )


def test_a_session_leaves_untouched_layers_and_other_components_alone(tmp_path):
    sets = {
        name: [Prompt(f"{word} {n}") for n in range(4)]
        for name, word in [
            ("good", "Count"),
            ("bad", "Steal"),
            ("ask-bad", "Take"),
            ("ask-good", "Add"),
        ]
    }
    session = session_of(
        save_tiny("qwen3", tmp_path),
        sets,
        untouched_layers=[0],
        target_components=["mlp.down_proj"],
        max_response_length=4,
    )
    session.prepare()
    assert list(session.resolved) == list(RESOLVED)
    names = [name for name, _ in session.method.baked(EVERYWHERE)]
    assert names == [f"model.layers.{layer}.mlp.down_proj.weight" for layer in (1, 2, 3)]
    assert session.evaluate(EVERYWHERE).details == {"layers": "0–3"}


def test_the_demo_model_stops_refusing_and_keeps_its_other_answers():
    names = {"good": files.GOOD_DIRECTIONS, "bad": files.BAD_DIRECTIONS}
    names |= {"ask-bad": files.BAD_SCORING, "ask-good": files.GOOD_SCORING}
    system = "You are a helpful assistant."
    sets = {
        slug: [
            Prompt(line, system) for line in (files.PROMPTS_DIR / name).read_text().splitlines()
        ]
        for slug, name in names.items()
    }
    session = session_of(files.MODEL_DIR, sets)
    before = [score.value for score in session.prepare().baseline]
    chosen = parameters(
        start_layer_fraction=0.5,
        end_layer_fraction=0.8,
        steer_bad_weight=0.1,
        overcorrect_weight=1.8,
        neighbor_count=7,
    )
    found = session.evaluate(chosen)
    refusals, divergence = (score.value for score in found.scores)
    assert before[0] >= 0.95
    assert refusals <= 0.05
    assert divergence < 0.005
