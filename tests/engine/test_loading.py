"""Loading from real folders, good and broken ones."""

import errno
import json
import shutil

import httpx2
import pytest
import torch
from huggingface_hub import constants
from huggingface_hub import errors as hub
from safetensors.torch import load_file, save_file

from studies.engine.components import find_sites, prove_sites
from studies.engine.errors import (
    CustomCodeError,
    DeviceMemoryError,
    DiskFullError,
    HubError,
    ModelError,
    ModelNotFoundError,
    NonFiniteError,
    NoSafetensorsError,
    UnsupportedArchitectureError,
)
from studies.engine.load_errors import load_error
from studies.engine.loading import load_model
from tests.engine.tiny import (
    D_MODEL,
    N_LAYERS,
    VISION_FAMILY,
    save_tiny,
    tiny_model,
    tiny_tokenizer,
)

DTYPES = ("auto", "float16", "bfloat16", "float32")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_tiny("llama", tmp_path_factory.mktemp("models") / "llama")


@pytest.fixture
def folder(saved, tmp_path):
    """A copy that a test may break."""
    return shutil.copytree(saved, tmp_path / "model")


def load(folder, dtypes=DTYPES):
    return load_model(str(folder), dtypes=dtypes)


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def edit_weights(folder, edit):
    path = folder / "model.safetensors"
    weights = load_file(path)
    edit(weights)
    save_file(weights, path, metadata={"format": "pt"})


def test_a_folder_loads_ready_for_use(saved):
    loaded = load(saved)
    assert loaded.architecture == "LlamaForCausalLM"
    assert (loaded.n_layers, loaded.d_model) == (N_LAYERS, D_MODEL)
    assert (loaded.dtype, str(loaded.device)) == ("float32", "cpu")
    assert loaded.tokenizer.padding_side == "left"
    assert not loaded.model.training
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    assert loaded.notes == ()
    ids = torch.arange(4, 9).unsqueeze(0)
    assert torch.equal(loaded.model(ids).logits, tiny_model("llama").model(ids).logits)


def test_a_vision_model_gives_the_layers_of_its_language_model(tmp_path):
    loaded = load(save_tiny(VISION_FAMILY, tmp_path))
    assert loaded.architecture == "Gemma3ForConditionalGeneration"
    assert (loaded.n_layers, loaded.d_model) == (N_LAYERS, D_MODEL)
    prove_sites(loaded, find_sites(loaded))


# Number formats


def test_the_first_format_that_is_given_is_taken(saved):
    assert load(saved, ("bfloat16", "float32")).dtype == "bfloat16"


def test_half_precision_is_passed_over_on_the_cpu(folder):
    loaded = load(folder, ("float16", "float32"))
    assert loaded.dtype == "float32"
    assert loaded.notes == ("float16 is not used on the CPU: it is slow there.",)
    edit_config(folder, dtype="float16")
    assert load(folder, ("auto", "float32")).dtype == "float32"


def beyond_bfloat16(weights):
    """Logits that are finite in float32; bfloat16 rounds the weight to infinity."""
    weights["model.norm.weight"] *= 1e-3
    weights["lm_head.weight"][7] = torch.finfo(torch.float32).max


def test_a_format_that_breaks_the_numbers_is_passed_over_with_a_note(folder):
    edit_weights(folder, beyond_bfloat16)
    loaded = load(folder, ("bfloat16", "float32"))
    assert loaded.dtype == "float32"
    assert "bfloat16 does not work here" in loaded.notes[0]


def test_a_model_that_no_format_saves_is_refused(folder):
    edit_weights(folder, lambda weights: weights["lm_head.weight"].fill_(torch.nan))
    with pytest.raises(NonFiniteError, match="not finite"):
        load(folder)


# Tokenizers


def test_without_a_padding_token_the_end_token_pads(tmp_path):
    loaded = load(save_tiny("llama", tmp_path, tokenizer=tiny_tokenizer(pad_token=None)))
    assert loaded.tokenizer.pad_token == "<|im_end|>"
    assert "no padding token: <|im_end|>" in loaded.notes[0]


def test_the_end_token_may_stand_in_the_generation_config(tmp_path):
    bare = tiny_tokenizer(pad_token=None, eos_token=None)
    loaded = load(save_tiny("llama", tmp_path, tokenizer=bare))
    assert loaded.tokenizer.pad_token_id == 3


@pytest.mark.parametrize(
    ("bos", "vocab_size", "pad"),
    [("<bos>", 260, "<bos>"), (None, 300, "<|pad|>"), (None, 260, "<pad>")],
)
def test_without_an_end_token_padding_is_found_within_the_embedding(
    tmp_path, bos, vocab_size, pad
):
    bare = tiny_tokenizer(pad_token=None, eos_token=None, bos_token=bos)
    folder = save_tiny("llama", tmp_path, tokenizer=bare, vocab_size=vocab_size)
    (folder / "generation_config.json").write_text("{}")
    edit_config(folder, eos_token_id=None)
    loaded = load(folder)
    assert loaded.tokenizer.pad_token == pad
    assert loaded.tokenizer.pad_token_id < vocab_size
    assert "neither a padding nor an end token" in loaded.notes[0]


def test_a_missing_chat_template_is_noted(folder):
    (folder / "chat_template.jinja").unlink()
    assert "no chat template" in load(folder).notes[0]


# What is refused, each with one clear sentence


def truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def no_safetensors(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def unknown_type(folder):
    edit_config(folder, model_type="zork")


def gpt2_without_weights(folder):
    """Refused by its config alone: nothing large is read first."""
    (folder / "model.safetensors").unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))


def one_missing(folder):
    edit_weights(folder, lambda weights: weights.pop("model.layers.1.mlp.down_proj.weight"))


def wrong_shape(folder):
    edit_weights(folder, lambda w: w.update({"model.norm.weight": torch.ones(3)}))


def own_code(folder):
    edit_config(folder, text_config={"auto_map": {"AutoModel": "evil.Model"}})


def tokenizer_code(folder):
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["evil.T"]}}')


def kernel_code(folder):
    edit_config(folder, attn_implementation="someone/kernel")


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        (shutil.rmtree, ModelNotFoundError, "neither an existing folder nor a hub id"),
        (lambda f: (f / "config.json").unlink(), ModelNotFoundError, "no config.json"),
        (lambda f: (f / "config.json").write_text("{"), ModelError, "not valid JSON"),
        (unknown_type, UnsupportedArchitectureError, "zork"),
        (gpt2_without_weights, UnsupportedArchitectureError, '"gpt2" is not supported'),
        (no_safetensors, NoSafetensorsError, "no safetensors"),
        (truncate, ModelError, "damaged"),
        (one_missing, ModelError, "lacks 1 of its weights.*layers.1.mlp.down_proj"),
        (wrong_shape, ModelError, "do not have the shapes"),
        (own_code, CustomCodeError, "auto_map"),
        (tokenizer_code, CustomCodeError, r"tokenizer_config.json .*auto_map"),
        (kernel_code, CustomCodeError, "attn_implementation"),
        (
            lambda f: edit_config(f, quantization_config={"quant_method": "fp8"}),
            ModelError,
            "quant",
        ),
        (lambda f: (f / "tokenizer.json").write_text("{"), ModelError, "The tokenizer of"),
        (lambda f: edit_config(f, hidden_size="x"), ModelError, "cannot be loaded"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_in_one_sentence(folder, damage, kind, words):
    damage(folder)
    with pytest.raises(kind, match=words) as refused:
        load(folder)
    assert type(refused.value) is kind
    assert "\n" not in str(refused.value)
    assert refused.value.__cause__ is not refused.value  # a loop for whoever reads the causes


def test_a_hub_model_that_cannot_be_reached_is_refused(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="cannot be reached"):
        load_model("nobody/nothing", dtypes=DTYPES)


def answer(status):
    return httpx2.Response(status, request=httpx2.Request("GET", "https://hub.test"))


@pytest.mark.parametrize(
    ("cause", "kind", "words"),
    [
        (hub.GatedRepoError("gated", response=answer(403)), HubError, "gated"),
        (hub.RepositoryNotFoundError("x", response=answer(401)), ModelNotFoundError, "private"),
        (hub.RevisionNotFoundError("x", response=answer(404)), ModelNotFoundError, "revision"),
        (hub.HfHubHTTPError("x", response=answer(429)), HubError, "more requests"),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError, "disk is full"),
        (torch.OutOfMemoryError("CUDA out of memory"), DeviceMemoryError, "memory"),
        (ValueError("first line\nsecond line"), ModelError, "cannot be loaded: first line$"),
    ],
)
def test_causes_are_found_below_what_transformers_raises(cause, kind, words):
    wrapped = OSError("Can't load it.") if not isinstance(cause, ValueError) else cause
    if wrapped is not cause:
        wrapped.__cause__ = cause
    error = load_error("some/model", wrapped)
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error


def test_a_large_model_without_a_gpu_is_noted(monkeypatch, tmp_path):
    path = str(save_tiny("llama", tmp_path / "m"))
    assert not any("GPU" in note for note in load_model(path, dtypes=["float32"]).notes)

    monkeypatch.setattr("studies.engine.loading.LARGE", 1)

    assert any("No GPU" in note for note in load_model(path, dtypes=["float32"]).notes)
