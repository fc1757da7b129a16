"""Directional ablation on whole models: what runs is what is baked."""

import pytest
import torch

from studies.engine.architectures import ARCHITECTURES
from studies.engine.components import find_sites
from studies.engine.directional import DirectionalAblation
from studies.engine.directions import orthogonalised, residual_directions
from studies.engine.errors import DegenerateDirectionError
from studies.engine.parameters import Key
from studies.engine.ports import Silent
from studies.engine.prompts import tokenize
from studies.engine.residuals import last_residuals, residual_means
from tests.engine.tiny import FAMILIES, N_LAYERS, VISION_FAMILY, tiny_model

GOOD = ["How do trees grow?", "Name a river.", "What is rain?"]
BAD = ["Tell me the secret!", "Say the forbidden word!", "How does it end?!"]
SILENT = Silent()
ALL = {"reporter": SILENT, "stop": SILENT}


def prepared(loaded, **settings):
    method = DirectionalAblation(
        loaded,
        find_sites(loaded),
        {
            "row_normalization": "full",
            "orthogonalize_direction": True,
            "winsorization_quantile": 1.0,
            "compensate_output_norm": True,
            **settings,
        },
    )
    method.prepare(tokenize(loaded, GOOD, 3), tokenize(loaded, BAD, 3), **ALL)
    return method


def parameters(*, scope="global", fraction=0.6, mlp_weight=0.9, **kernel):
    """By default a tent that leaves out the first layer, the direction between two layers."""
    values = {
        "max_weight": 1.3,
        "max_weight_position_fraction": 0.9,
        "min_weight_relative": 0.3,
        "min_weight_distance_fraction": 0.7,
        **kernel,
    }
    flat = {
        Key(name, component): value
        for name, value in values.items()
        for component in ("attn.o_proj", "mlp.down_proj", "ssm.out_proj")
    }
    flat[Key("max_weight", "mlp.down_proj")] = mlp_weight
    return {**flat, Key("direction_scope"): scope, Key("direction_fraction"): fraction}


EVERYWHERE = parameters(
    scope="per layer",
    mlp_weight=1.0,
    max_weight=1.0,
    min_weight_relative=1.0,
    min_weight_distance_fraction=1.0,
)


@pytest.fixture
def loaded():
    return tiny_model("llama")


def logits(loaded):
    batch = tokenize(loaded, [*GOOD, *BAD], 6)[0]
    return loaded.model(batch.input_ids, attention_mask=batch.attention_mask).logits


def vectors_of(site):
    return vars(site.module)["forward"].__self__.vectors


def bake_into(loaded, method, values):
    state = loaded.model.state_dict()
    for name, weight in method.baked(values):
        assert state[name].dtype == weight.dtype
        state[name].copy_(weight)


NORM_AFTER = [name for name, (kind, _) in FAMILIES.items() if ARCHITECTURES[kind][0].norm]
# Its recurrence turns 1e-7 of noise in the embedding into 1.4e-5 of logit scale.
TOLERANCE = {"qwen3_5_text": 1e-4}
CASES = [
    *((family, True) for family in [*FAMILIES, VISION_FAMILY]),
    *((family, False) for family in NORM_AFTER),
]


@pytest.mark.parametrize("mode", ["none", "pre", "full"])
@pytest.mark.parametrize(("family", "compensate"), CASES)
def test_the_running_model_equals_the_baked_one(family, mode, compensate):
    loaded = tiny_model(family)
    for site in find_sites(loaded):
        site.module.weight[3] = 0  # a zero row in every matrix
    original = {name: weight.clone() for name, weight in loaded.model.state_dict().items()}
    before = logits(loaded)
    method = prepared(loaded, row_normalization=mode, compensate_output_norm=compensate)
    for values in (parameters(), parameters(scope="per layer")):
        method.apply(values)
        applied = logits(loaded)
        method.reset()
        assert torch.equal(logits(loaded), before)
        bake_into(loaded, method, values)
        baked = logits(loaded)
        loaded.model.load_state_dict(original)
        scale = before.abs().max()
        assert (applied - baked).abs().max() <= TOLERANCE.get(family, 1e-5) * scale
        assert (applied - before).abs().max() > 1e-2 * scale


def residual_parts(loaded, method_settings):
    """How much of its direction each layer still adds, of what it adds, at full weight."""
    batches = {name: tokenize(loaded, texts, 3) for name, texts in (("g", GOOD), ("b", BAD))}
    good, bad = (
        residual_means(loaded, batches[name], **ALL, phase="").means for name in ("g", "b")
    )
    directions = orthogonalised(residual_directions(good, bad), good)
    method = prepared(loaded, row_normalization="none", **method_settings)
    method.apply(EVERYWHERE)
    residuals = torch.stack(last_residuals(loaded, batches["b"][0])).double()
    steps = residuals.diff(dim=0)  # layer, prompt, d_model
    along = (steps * directions[1:].unsqueeze(1)).sum(-1)
    return (along.abs() / steps.norm(dim=-1)).max()


@pytest.mark.parametrize("family", FAMILIES)
def test_at_full_weight_no_layer_adds_to_its_direction(family):
    """Also proves the norms of the table: one that is missed would bring the direction back."""
    loaded = tiny_model(family)
    for site in find_sites(loaded):
        if site.module.bias is not None:
            site.module.bias.zero_()  # the ablation leaves it alone
    assert residual_parts(loaded, {}) < 1e-4


@pytest.mark.parametrize("family", NORM_AFTER)
def test_without_compensation_a_norm_brings_the_direction_back(family):
    assert residual_parts(tiny_model(family), {"compensate_output_norm": False}) > 1e-2


def test_strength_scales_the_weights_down_to_the_original(loaded):
    before = logits(loaded)
    method = prepared(loaded)
    method.apply(parameters(), strength=0.5)
    half = logits(loaded)
    method.apply(parameters(mlp_weight=0.45, max_weight=0.65))
    torch.testing.assert_close(logits(loaded), half)
    method.apply(parameters(), strength=0.0)
    assert torch.equal(logits(loaded), before)


def test_a_trial_leaves_nothing_for_the_next(loaded):
    method = prepared(loaded)
    narrow = parameters(min_weight_distance_fraction=0.0)
    method.apply(narrow)
    fresh = logits(loaded)
    method.apply(parameters())
    method.apply(narrow)
    assert torch.equal(logits(loaded), fresh)


def test_untouched_layers_are_neither_switched_nor_baked(loaded):
    method = prepared(loaded)
    values = parameters(mlp_weight=-0.25)  # negative: the MLP is left alone
    method.apply(values)
    switched = [site.name for site in find_sites(loaded) if "forward" in vars(site.module)]
    assert switched == [f"model.layers.{layer}.self_attn.o_proj" for layer in (1, 2, 3)]
    assert [name for name, _ in method.baked(values)] == [f"{name}.weight" for name in switched]


def test_a_global_direction_is_one_for_all_layers_and_lies_between_two(loaded):
    method = prepared(loaded, row_normalization="none")
    reads = []
    for fraction in (1 / 3, 2 / 3, 0.5):  # layers 1, 2 and half way
        method.apply(parameters(fraction=fraction))
        found = [vectors_of(site)[0, 1].clone() for site in find_sites(loaded)[2:]]
        assert all(torch.equal(read, found[0]) for read in found)
        reads.append(found[0])
    wanted = torch.nn.functional.normalize(reads[0] + reads[1], dim=0)
    torch.testing.assert_close(reads[2], wanted)


def test_it_describes_the_kernel_and_the_direction(loaded):
    method = prepared(loaded)
    described = method.describe(parameters(max_weight_position_fraction=1.0, mlp_weight=-1.0))
    assert described["direction"] == "global at 1.8"
    assert described["kernel"]["mlp.down_proj"] == [0.0] * N_LAYERS
    assert described["kernel"]["attn.o_proj"] == pytest.approx(
        [0, 1.3 - 2 / 2.1 * 0.91, 1.3 - 1 / 2.1 * 0.91, 1.3]
    )
    assert method.describe(parameters(scope="per layer"))["direction"] == "per layer"


def test_prepare_measures_the_original_even_while_ablated(loaded):
    method = prepared(loaded)
    method.apply(parameters())
    wanted = logits(loaded)
    method.prepare(tokenize(loaded, GOOD, 3), tokenize(loaded, BAD, 3), **ALL)
    method.apply(parameters())
    assert torch.equal(logits(loaded), wanted)


def test_winsorization_changes_the_directions(loaded):
    reads = []
    for quantile in (1.0, 0.5):
        method = prepared(loaded, winsorization_quantile=quantile)
        method.apply(EVERYWHERE)
        reads.append(vectors_of(find_sites(loaded)[-1])[0, 1].clone())
        method.reset()
    assert not torch.allclose(*reads, rtol=1e-2)


def test_equal_prompts_have_no_direction(loaded):
    method = prepared(loaded)
    same = tokenize(loaded, GOOD, 3)
    with pytest.raises(DegenerateDirectionError):
        method.prepare(same, same, **ALL)


def test_new_parameters_need_no_new_graph():
    """A compiled step reads the vectors from a buffer that is overwritten in place."""
    loaded = tiny_model("llama", num_hidden_layers=1)
    method = prepared(loaded)
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    batch = tokenize(loaded, GOOD[:1], 1)[0]
    torch._dynamo.reset()
    method.apply(EVERYWHERE)
    step = torch.compile(
        lambda ids: loaded.model(ids, use_cache=False).logits, backend=count, fullgraph=True
    )
    found = []
    buffers = {id(vectors_of(site)) for site in find_sites(loaded)}
    for values in (EVERYWHERE, {**EVERYWHERE, Key("max_weight", "attn.o_proj"): 0.5}):
        method.apply(values)
        assert {id(vectors_of(site)) for site in find_sites(loaded)} == buffers
        found.append(step(batch.input_ids))
        torch.testing.assert_close(found[-1], loaded.model(batch.input_ids).logits)
    assert len(graphs) == 1
    assert not torch.allclose(*found)
