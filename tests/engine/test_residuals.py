import pytest
import torch

from studies.engine.errors import NonFiniteError, PromptSetError
from studies.engine.ports import Silent, Stopped
from studies.engine.prompts import tokenize
from studies.engine.residuals import last_residuals, residual_means
from tests.engine.tiny import D_MODEL, N_LAYERS, tiny_model

TEXTS = ["Hi.", "What is the tallest tree?", "a", "Tell me a story of two cities."]


def means_of(loaded, texts, *, batch_size=4, stop=None, reporter=None, **options):
    batches = tokenize(loaded, texts, batch_size)
    silent = Silent()
    return residual_means(
        loaded,
        batches,
        reporter=reporter or silent,
        stop=stop or silent,
        phase="residuals",
        **options,
    )


@pytest.fixture
def loaded():
    return tiny_model("llama")


def one_by_one(loaded, texts):
    """(prompt, index, d_model): what transformers itself says, without padding."""
    rows = []
    for text in texts:
        ids = torch.tensor([loaded.tokenizer(text, add_special_tokens=False)["input_ids"]])
        hidden = loaded.model(ids, output_hidden_states=True).hidden_states
        rows.append(torch.stack([state[0, -1] for state in hidden]))
    return torch.stack(rows).double()


@pytest.mark.parametrize("family", ["llama", "gemma3", "lfm2"])
def test_means_are_over_the_last_position_of_each_prompt(family):
    loaded = tiny_model(family)
    found = means_of(loaded, TEXTS)
    assert found.means.shape == (N_LAYERS + 1, D_MODEL)
    assert found.means.dtype == torch.float64
    assert found.count == len(TEXTS)
    wanted = one_by_one(loaded, TEXTS).mean(0)
    torch.testing.assert_close(found.means[:-1], wanted[:-1], rtol=1e-4, atol=1e-5)


def test_the_last_residual_has_not_passed_the_final_norm(loaded):
    batch = tokenize(loaded, TEXTS[:1], 1)[0]
    raw = last_residuals(loaded, batch)[-1]
    normed = one_by_one(loaded, TEXTS[:1])[0, -1]
    torch.testing.assert_close(loaded.model.model.norm(raw)[0].double(), normed)
    assert not torch.allclose(raw[0].double(), normed, rtol=0.01)


# This Ministral scales its attention by absolute position, so padding must not count.
POSITIONS = {"llama_4_scaling_beta": 5.0, "original_max_position_embeddings": 4}


def test_batching_does_not_matter():
    rope = {"rope_type": "default", "rope_theta": 1e4, **POSITIONS}
    loaded = tiny_model("ministral3", rope_parameters=rope)
    whole, single = means_of(loaded, TEXTS), means_of(loaded, TEXTS, batch_size=1)
    torch.testing.assert_close(whole.means, single.means, rtol=1e-4, atol=1e-5)


def test_winsorization_clamps_per_prompt_and_layer(loaded):
    rows = torch.stack(
        [torch.stack(last_residuals(loaded, batch))[:, 0] for batch in tokenize(loaded, TEXTS, 1)]
    ).double()
    limits = rows.abs().quantile(0.8, dim=-1, keepdim=True)
    wanted = rows.clamp(-limits, limits).mean(0)
    found = means_of(loaded, TEXTS, winsorization_quantile=0.8)
    torch.testing.assert_close(found.means, wanted, rtol=1e-4, atol=1e-5)
    assert (found.means - rows.mean(0)).abs().max() > 0.01


@pytest.mark.parametrize("quantile", [1.0, 0.5])  # clamping would hide an infinity
def test_a_residual_that_is_not_finite_is_refused_with_its_index(loaded, quantile):
    loaded.layers[2].mlp.down_proj.weight[0, 0] = torch.inf
    with pytest.raises(NonFiniteError, match="index 3 "):
        means_of(loaded, TEXTS, winsorization_quantile=quantile)


def test_no_prompt_is_refused(loaded):
    with pytest.raises(PromptSetError):
        means_of(loaded, [])


class StopAfter:
    def __init__(self, checks):
        self.left = checks

    def check(self):
        self.left -= 1
        if self.left < 0:
            raise Stopped


class Phases(Silent):
    def __init__(self):
        self.calls = []

    def phase(self, name, *, done=0, total=0):
        self.calls.append((name, done, total))


def test_it_stops_between_batches_and_says_how_far_it_is(loaded):
    phases = Phases()
    with pytest.raises(Stopped):
        means_of(loaded, TEXTS, batch_size=1, stop=StopAfter(2), reporter=phases)
    assert phases.calls[-1] == ("residuals", 2, 4)
    assert not loaded.layers[0]._forward_hooks  # nothing is left behind
    assert not loaded.layers[0]._forward_pre_hooks
