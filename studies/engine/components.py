"""Finds the matrices that write into the residual stream and proves that none is missed."""

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import PretrainedConfig

from studies.engine.architectures import ARCHITECTURES, Writer, refuse_unsupported
from studies.engine.errors import NonFiniteError, UnsupportedArchitectureError
from studies.engine.model import LoadedModel
from studies.engine.parts import Place, behind, child_of, parts_in

# Zeroed writers leave x + 0: exact but for layers that compute the sum in another dtype.
TOLERANCE = 1e-6  # of the largest input
PROBE = "What writes here?"


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """One matrix: `module.weight` has shape (d_model, d_in)."""

    component: str
    layer_index: int
    module: nn.Linear
    gain: Float[Tensor, " d_model"] | None  # of the norm that its output passes, if one does
    name: str = ""  # of the module inside the model, as in its state dict
    place: Place = 0  # behind its product: where what is made of it begins to differ


def writers_of(config: PretrainedConfig) -> tuple[Writer, ...]:
    """Return the table's writers for a model's text part.

    Raises:
        UnsupportedArchitectureError: the model type is not in the table.
    """
    model_type = str(config.get_text_config().model_type)
    refuse_unsupported(model_type)
    return ARCHITECTURES[model_type]


def find_sites(loaded: LoadedModel) -> list[Site]:
    """List every ablatable matrix, layer by layer.

    Raises:
        UnsupportedArchitectureError: the model type is unknown, or a layer has no such matrix.
    """
    writers = writers_of(loaded.model.config)
    names = {id(module): name for name, module in loaded.model.named_modules()}
    sites: list[Site] = []
    for layer_index, layer in enumerate(loaded.layers):
        found = list(_sites_of(layer, layer_index, writers, names))
        if not found:
            raise UnsupportedArchitectureError(
                f"Layer {layer_index} of {loaded.architecture} has no ablatable matrix; "
                f"looked for {_paths(writers)}."
            )
        sites += found
    return sites


def components_of(sites: Sequence[Site]) -> tuple[str, ...]:
    """Return the components that a model has, each once, in the order of its layers."""
    return tuple(dict.fromkeys(site.component for site in sites))


def prove_sites(loaded: LoadedModel, sites: Sequence[Site]) -> None:
    """Check that the sites are all that writes into the residual stream.

    With the output of every site zeroed, each layer has to return its input.

    Raises:
        UnsupportedArchitectureError: a layer still changes its input; names the layer.
        NonFiniteError: a layer's input is not finite, so nothing can be compared.
    """
    changes: list[float] = []
    with ExitStack() as hooks:
        for site in sites:
            hooks.enter_context(site.module.register_forward_hook(_zero))
        for layer in loaded.layers:
            hook = layer.register_forward_hook(_recorder(changes), with_kwargs=True)
            hooks.enter_context(hook)
        tokens = loaded.tokenizer(PROBE, return_tensors="pt").to(loaded.device)
        with torch.inference_mode():
            loaded.model.base_model(
                input_ids=tokens["input_ids"],
                attention_mask=tokens["attention_mask"],
                use_cache=False,
            )
    for layer_index, change in enumerate(changes):
        _judge(loaded, layer_index, change)


def _sites_of(
    layer: nn.Module, layer_index: int, writers: Sequence[Writer], names: dict[int, str]
) -> Iterator[Site]:
    for number, (writer, _, matrix) in enumerate(parts_in(layer, writers)):
        norm = child_of(layer, writer.norm) if writer.norm else None
        gain = None if norm is None else _gain_of(norm, matrix)
        place = behind(layer_index, number)
        yield Site(writer.component, layer_index, matrix, gain, names[id(matrix)], place)


@torch.no_grad()
def _gain_of(norm: nn.Module, module: nn.Linear) -> Float[Tensor, " d_model"]:
    """Measure the gain of an RMS norm: ones go in, and have the length that it aims at.

    Families store it differently (Gemma: gain − 1); only the norm's own code knows.
    """
    ones = torch.ones(module.out_features, dtype=torch.float32, device=module.weight.device)
    gain: Tensor = norm(ones)
    return gain.double().cpu()


def _zero(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return torch.zeros_like(output)


def _recorder(changes: list[float]) -> Any:  # noqa: ANN401 - torch's hook type has four forms
    def record(
        layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object
    ) -> None:
        before = args[0] if args else kwargs["hidden_states"]
        after = cast(Tensor, output[0] if isinstance(output, tuple) else output)
        old, new = before.float().cpu(), after.float().cpu()  # a layer may move its input
        changes.append(float((new - old).abs().max() / old.abs().max().clamp(min=1e-30)))

    return record


def _judge(loaded: LoadedModel, layer_index: int, change: float) -> None:
    if change <= TOLERANCE:
        return
    if math.isnan(change):
        raise NonFiniteError(f"The input of layer {layer_index} is not finite.")
    raise UnsupportedArchitectureError(
        f"Something unknown in layer {layer_index} of {loaded.architecture} writes into the "
        f"residual stream; looked for {_paths(writers_of(loaded.model.config))}."
    )


def _paths(writers: Sequence[Writer]) -> str:
    return ", ".join(writer.path for writer in writers)
