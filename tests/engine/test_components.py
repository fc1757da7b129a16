import pytest
import torch

from studies.engine.architectures import (
    ARCHITECTURES,
    FURTHER_COMPONENTS,
    Writer,
    components_of_type,
)
from studies.engine.components import components_of, find_sites, prove_sites
from studies.engine.errors import NonFiniteError, UnsupportedArchitectureError
from tests.engine.tiny import FAMILIES, N_LAYERS, VISION_FAMILY, tiny_model


def test_every_row_of_the_table_has_a_tiny_model():
    assert {model_type for model_type, _ in FAMILIES.values()} == set(ARCHITECTURES)


@pytest.mark.parametrize("family", [*FAMILIES, VISION_FAMILY])
def test_the_table_names_all_writers(family):
    loaded = tiny_model(family)
    sites = find_sites(loaded)
    prove_sites(loaded, sites)
    known = components_of_type(FAMILIES.get(family, ("gemma3_text",))[0])
    assert components_of(sites) == known
    assert [(site.layer_index, site.component) for site in sites] == [
        (layer_index, component) for layer_index in range(N_LAYERS) for component in known
    ]
    for site in sites:
        assert loaded.model.get_submodule(site.name) is site.module


def test_a_second_mixer_of_a_layer_is_a_component_of_its_own():
    assert components_of_type("falcon_h1") == ("attn.o_proj", "ssm.out_proj", "mlp.down_proj")
    assert components_of_type("llama") == ("attn.o_proj", "mlp.down_proj")
    assert components_of_type("gpt2") == ()
    assert FURTHER_COMPONENTS == ("ssm.out_proj",)


def test_experts_of_a_hybrid_are_missed_by_name():
    loaded = tiny_model("granitemoehybrid", num_local_experts=2, num_experts_per_tok=1)
    with pytest.raises(UnsupportedArchitectureError, match="layer 0 of GraniteMoeHybrid"):
        prove_sites(loaded, find_sites(loaded))


@pytest.mark.parametrize("family", ["llama", "gemma2", "cohere", "qwen3_5_text"])
@pytest.mark.parametrize("left_out", [0, 1, 2 * N_LAYERS - 1])
def test_the_proof_catches_a_writer_that_is_left_out(family, left_out):
    loaded = tiny_model(family)
    sites = find_sites(loaded)
    missed = sites.pop(left_out)
    with pytest.raises(UnsupportedArchitectureError) as refused:
        prove_sites(loaded, sites)
    assert f"layer {missed.layer_index} of {loaded.architecture}" in str(refused.value)
    assert "self_attn.o_proj, mlp.down_proj" in str(refused.value)


def test_the_proof_leaves_the_model_as_it_was():
    loaded = tiny_model("llama")
    tokens = torch.arange(4, 9).unsqueeze(0)
    before = loaded.model(tokens).logits
    sites = find_sites(loaded)
    prove_sites(loaded, sites)
    assert torch.equal(loaded.model(tokens).logits, before)
    with pytest.raises(UnsupportedArchitectureError):
        prove_sites(loaded, sites[1:])
    assert torch.equal(loaded.model(tokens).logits, before)


def test_a_model_with_nan_weights_proves_nothing():
    loaded = tiny_model("llama")
    loaded.model.get_input_embeddings().weight.fill_(torch.nan)
    with pytest.raises(NonFiniteError, match="layer 0"):
        prove_sites(loaded, find_sites(loaded))


def test_an_unknown_architecture_is_refused_by_name():
    loaded = tiny_model("llama")
    loaded.model.config.model_type = "gpt2"
    with pytest.raises(UnsupportedArchitectureError, match=r'"gpt2" is not supported.*llama'):
        find_sites(loaded)


def test_a_layer_without_a_known_matrix_is_refused_by_its_index(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "llama", (Writer("attn.o_proj", "attention.dense"),))
    with pytest.raises(UnsupportedArchitectureError, match=r"Layer 0 .* attention\.dense"):
        find_sites(tiny_model("llama"))


@pytest.mark.parametrize("family", ["gemma2", "olmo2"])
def test_the_gain_is_what_the_norm_multiplies_with(family):
    """Gemma stores gain − 1, OLMo the gain itself."""
    loaded = tiny_model(family)
    layer = loaded.layers[1]
    gains = [site.gain for site in find_sites(loaded) if site.layer_index == 1]
    for norm, gain in zip(
        (layer.post_attention_layernorm, layer.post_feedforward_layernorm), gains, strict=True
    ):
        stored = norm.weight.double()
        wanted = 1 + stored if family == "gemma2" else stored
        torch.testing.assert_close(gain, wanted, rtol=1e-4, atol=1e-5)


def test_no_norm_follows_in_a_llama():
    assert all(site.gain is None for site in find_sites(tiny_model("llama")))
