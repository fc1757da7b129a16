"""Which parts of a decoder layer write into the residual stream, per model type.

A new architecture is a row here and a row in tests/engine/tiny.py; nothing else. Mixers that take
turns over the layers are one component, so that its kernel has no holes; a second mixer in the
same layer is a component of its own.
"""

from typing import Final, NamedTuple

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
SSM = "ssm.out_proj"  # a state-space mixer beside the attention of the same layer
USUAL_COMPONENTS: Final = (ATTENTION, MLP)

DENSE = (Writer(ATTENTION, "self_attn.o_proj"), Writer(MLP, "mlp.down_proj"))
NORM_AFTER = (
    Writer(ATTENTION, "self_attn.o_proj", "post_attention_layernorm"),
    Writer(MLP, "mlp.down_proj", "post_feedforward_layernorm"),
)
GLM4 = (
    Writer(ATTENTION, "self_attn.o_proj", "post_self_attn_layernorm"),
    Writer(MLP, "mlp.down_proj", "post_mlp_layernorm"),
)
HYPERCLOVAX = (
    Writer(ATTENTION, "self_attn.o_proj", "post_norm1"),
    Writer(MLP, "mlp.down_proj", "post_norm2"),
)
FC2 = (Writer(ATTENTION, "self_attn.o_proj"), Writer(MLP, "mlp.fc2"))
C_PROJ = (Writer(ATTENTION, "self_attn.o_proj"), Writer(MLP, "mlp.c_proj"))
PERSIMMON = (Writer(ATTENTION, "self_attn.dense"), Writer(MLP, "mlp.dense_4h_to_h"))
PHI = (Writer(ATTENTION, "self_attn.dense"), Writer(MLP, "mlp.fc2"))
LINEAR_ATTENTION = (Writer(ATTENTION, "linear_attn.out_proj"), *DENSE)
OLMO_HYBRID = (  # its linear layers have norms of the same names in front of the parts
    Writer(ATTENTION, "linear_attn.o_proj"),
    *NORM_AFTER,
)
LFM2 = (
    Writer(ATTENTION, "self_attn.out_proj"),
    Writer(ATTENTION, "conv.out_proj"),
    Writer(MLP, "feed_forward.w2"),
)
LFM3 = (
    Writer(ATTENTION, "self_attn.o_proj", "post_operator_norm"),
    Writer(ATTENTION, "conv.out_proj", "post_operator_norm"),
    Writer(MLP, "feed_forward.w2", "post_ffn_norm"),
)
MAMBA_TURNS = (
    Writer(ATTENTION, "self_attn.o_proj"),
    Writer(ATTENTION, "mamba.out_proj"),
    Writer(MLP, "feed_forward.down_proj"),
)
GRANITE_HYBRID = (  # the dense ones: experts are found missing by the load-time proof
    Writer(ATTENTION, "self_attn.o_proj"),
    Writer(ATTENTION, "mamba.out_proj"),
    Writer(MLP, "shared_mlp.output_linear"),
)
FALCON_H1 = (
    Writer(ATTENTION, "self_attn.o_proj"),
    Writer(SSM, "mamba.out_proj"),
    Writer(MLP, "feed_forward.down_proj"),
)

# `model_type` of the text model's config -> its writers.
ARCHITECTURES: dict[str, tuple[Writer, ...]] = {
    "apertus": DENSE,
    "arcee": DENSE,
    "bamba": MAMBA_TURNS,
    "cohere": DENSE,
    "cohere2": DENSE,
    "cwm": DENSE,
    "ernie4_5": DENSE,
    "exaone4": NORM_AFTER,
    "falcon_h1": FALCON_H1,
    "gemma": DENSE,
    "gemma2": NORM_AFTER,
    "gemma3_text": NORM_AFTER,
    "glm": DENSE,
    "glm4": GLM4,
    "granite": DENSE,
    "granite_swa": DENSE,
    "granitemoehybrid": GRANITE_HYBRID,
    "helium": DENSE,
    "hunyuan_v1_dense": DENSE,
    "hyperclovax": HYPERCLOVAX,
    "jais2": DENSE,
    "lfm2": LFM2,
    "lfm3": LFM3,
    "llama": DENSE,
    "minicpm3": DENSE,
    "ministral": DENSE,
    "ministral3": DENSE,
    "mistral": DENSE,
    "nanochat": FC2,
    "nemotron": DENSE,
    "olmo": DENSE,
    "olmo2": NORM_AFTER,
    "olmo3": NORM_AFTER,
    "olmo_hybrid": OLMO_HYBRID,
    "persimmon": PERSIMMON,
    "phi": PHI,
    "phi3": DENSE,
    "qwen2": DENSE,
    "qwen3": DENSE,
    "qwen3_5_text": LINEAR_ATTENTION,
    "seed_oss": DENSE,
    "smollm3": DENSE,
    "stablelm": DENSE,
    "starcoder2": C_PROJ,
    "vaultgemma": DENSE,
    "youtu": DENSE,
}


def components_of_type(model_type: str) -> tuple[str, ...]:
    """The components of a family's layers, each once; none where the family is not in the table."""
    return tuple(dict.fromkeys(writer.component for writer in ARCHITECTURES.get(model_type, ())))


# What some families have beside the usual two.
FURTHER_COMPONENTS: Final = tuple(
    dict.fromkeys(
        component
        for model_type in ARCHITECTURES
        for component in components_of_type(model_type)
        if component not in USUAL_COMPONENTS
    )
)
