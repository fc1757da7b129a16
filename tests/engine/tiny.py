"""Tiny random models of each family, with a byte-level tokenizer of their own."""

from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedTokenizerFast,
)

from studies.engine.architectures import ARCHITECTURES
from studies.engine.model import LoadedModel

torch.set_num_threads(1)  # tiny tensors: more threads only wait for one another

D_MODEL = 32
N_LAYERS = 4
SPECIALS = ("<pad>", "<bos>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
COMMON = {
    "hidden_size": D_MODEL,
    "intermediate_size": 48,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 3,
    "vocab_size": 256 + len(SPECIALS),
}
MAMBA: dict[str, object] = {
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_ssm": 64,
    "mamba_d_state": 8,
    "mamba_n_groups": 1,
    "mamba_expand": 2,
    "mamba_chunk_size": 8,
}
LATENT: dict[str, object] = {  # attention with compressed keys and values
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
}
IN_TURNS: dict[str, object] = {"layer_types": ["linear_attention", "full_attention"] * 2}
# Name -> (model type, what differs from COMMON). Every row of the architecture table has one.
FAMILIES: dict[str, tuple[str, dict[str, object]]] = {
    **{model_type: (model_type, {}) for model_type in ARCHITECTURES},
    "bamba": ("bamba", MAMBA | {"attn_layer_indices": [1, 3]}),
    "falcon_h1": ("falcon_h1", MAMBA),
    "granitemoehybrid": (
        "granitemoehybrid",
        MAMBA | IN_TURNS | {"num_local_experts": 0, "shared_intermediate_size": 48},
    ),
    "hyperclovax": ("hyperclovax", {"use_post_norm": True}),
    "lfm3": ("lfm3", {"layer_types": ["conv", "full_attention"] * 2, "use_sandwich_norm": True}),
    "minicpm3": ("minicpm3", LATENT),
    "olmo_hybrid": (
        "olmo_hybrid",
        IN_TURNS
        | {
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 4,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
    ),
    "youtu": ("youtu", LATENT),
    "llama_bias": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "gemma2": ("gemma2", {"query_pre_attn_scalar": 8}),
    "gemma3_text": ("gemma3_text", {"query_pre_attn_scalar": 8}),
    "lfm2": (
        "lfm2",
        {"layer_types": ["conv", "full_attention"] * 2, "block_auto_adjust_ff_dim": False},
    ),
    "qwen3_5_text": (
        "qwen3_5_text",
        {
            "layer_types": ["linear_attention", "full_attention"] * 2,
            "linear_num_value_heads": 4,
            "linear_num_key_heads": 2,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
        },
    ),
}
VISION_FAMILY = "gemma3"  # a text model inside an image-text-to-text model


@cache
def _backend() -> str:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate((*SPECIALS, *alphabet))}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer.to_str()


def tiny_tokenizer(**kwargs):
    """A byte per token, ChatML-like template, left padding; `kwargs` override (None removes)."""
    given = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<|im_end|>", **kwargs}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_backend()),
        padding_side="left",
        additional_special_tokens=["<|im_start|>"],
        **{name: value for name, value in given.items() if value is not None},
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def tiny_config(family: str, **overrides):
    if family == VISION_FAMILY:
        return _vision_config()
    model_type, differs = FAMILIES[family]
    return AutoConfig.for_model(model_type, **{**COMMON, **differs, **overrides})


def _vision_config():
    text = tiny_config("gemma3_text").to_dict()
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 8,
    }
    return AutoConfig.for_model(
        VISION_FAMILY, text_config=text, vision_config=vision, mm_tokens_per_image=1
    )


@torch.no_grad()
def _random_model(family: str, seed: int, **overrides):
    """Random everywhere: also norm gains and biases, which start as ones and zeros."""
    torch.manual_seed(seed)
    config = tiny_config(family, **overrides)
    vision = family == VISION_FAMILY
    auto = AutoModelForImageTextToText if vision else AutoModelForCausalLM
    model = auto.from_config(config, dtype=torch.float32).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() == 1:
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def tiny_model(family: str = "llama", *, seed: int = 0, **config_overrides) -> LoadedModel:
    """A tiny random model in memory (float32, CPU), as `load_model` would give it."""
    model = _random_model(family, seed, **config_overrides)
    inner = model.model.language_model if family == VISION_FAMILY else model.model
    return LoadedModel(
        model=model,
        tokenizer=tiny_tokenizer(),
        layers=inner.layers,
        d_model=D_MODEL,
        dtype="float32",
        device=torch.device("cpu"),
        architecture=type(model).__name__,
    )


def save_tiny(
    family: str, path: Path | str, *, seed: int = 0, tokenizer=None, **config_overrides
) -> Path:
    """Save a tiny random model and its tokenizer (safetensors) as a model folder."""
    _random_model(family, seed, **config_overrides).save_pretrained(str(path))
    (tokenizer or tiny_tokenizer()).save_pretrained(str(path))
    return Path(path)
