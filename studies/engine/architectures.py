"""Which parts of a decoder layer write into the residual stream, per model type.

A new architecture is a row here and a row in tests/engine/tiny.py; nothing else.
"""

from typing import NamedTuple

from studies.engine.errors import UnsupportedArchitectureError


class Writer(NamedTuple):
    """A projection whose output is added to the residual stream."""

    component: str
    path: str  # below a decoder layer; a layer that lacks it has another writer of the table
    norm: str = ""  # the norm, also below the layer, that its output passes first


def refuse_unsupported(model_type: str) -> None:
    """Refuse what is not in the table.

    Raises:
        UnsupportedArchitectureError: names the type and what is supported.
    """
    if model_type not in ARCHITECTURES:
        raise UnsupportedArchitectureError(
            f'the architecture "{model_type[:80]}" is not supported; '
            f"supported are {', '.join(sorted(ARCHITECTURES))}"
        )


# Where the decoder layers are, below the model.
LAYER_PATHS = ("model.language_model.layers", "model.layers")

ATTENTION = "attn.o_proj"
MLP = "mlp.down_proj"

DENSE = (Writer(ATTENTION, "self_attn.o_proj"), Writer(MLP, "mlp.down_proj"))
NORM_AFTER = (
    Writer(ATTENTION, "self_attn.o_proj", "post_attention_layernorm"),
    Writer(MLP, "mlp.down_proj", "post_feedforward_layernorm"),
)
GLM4 = (
    Writer(ATTENTION, "self_attn.o_proj", "post_self_attn_layernorm"),
    Writer(MLP, "mlp.down_proj", "post_mlp_layernorm"),
)
LINEAR_ATTENTION = (Writer(ATTENTION, "linear_attn.out_proj"), *DENSE)
LFM2 = (
    Writer(ATTENTION, "self_attn.out_proj"),
    Writer(ATTENTION, "conv.out_proj"),
    Writer(MLP, "feed_forward.w2"),
)

# `model_type` of the text model's config -> its writers.
ARCHITECTURES: dict[str, tuple[Writer, ...]] = {
    "apertus": DENSE,
    "arcee": DENSE,
    "cohere": DENSE,
    "cohere2": DENSE,
    "cwm": DENSE,
    "ernie4_5": DENSE,
    "exaone4": NORM_AFTER,
    "gemma": DENSE,
    "gemma2": NORM_AFTER,
    "gemma3_text": NORM_AFTER,
    "glm": DENSE,
    "glm4": GLM4,
    "granite": DENSE,
    "helium": DENSE,
    "hunyuan_v1_dense": DENSE,
    "lfm2": LFM2,
    "llama": DENSE,
    "ministral": DENSE,
    "ministral3": DENSE,
    "mistral": DENSE,
    "nemotron": DENSE,
    "olmo": DENSE,
    "olmo2": NORM_AFTER,
    "olmo3": NORM_AFTER,
    "phi3": DENSE,
    "qwen2": DENSE,
    "qwen3": DENSE,
    "qwen3_5_text": LINEAR_ATTENTION,
    "seed_oss": DENSE,
    "smollm3": DENSE,
}
