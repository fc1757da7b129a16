"""The parts of a decoder layer, and the places in a model at which a row may begin to differ.

A part ends in a matrix that writes into the residual stream. What is changed of a matrix is made
of its product, so a row may begin behind the product: all in front of it is the original's.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from torch import nn

from studies.engine.architectures import ARCHITECTURES, Writer
from studies.engine.model import LoadedModel

# How deep in the model, in layers: 2 is in front of layer 2, 2.25 behind the product of its
# first part, 2.5 behind that of its second.
Place = float
_STEP: Final = 0.25  # exact in binary, and small enough for three parts


class Part(NamedTuple):
    """A module of a layer and the matrix in it that its output comes from."""

    writer: Writer
    module: nn.Module
    matrix: nn.Linear


def behind(layer_index: int, number: int) -> Place:
    """The place behind the product of one of a layer's parts, which are counted from 0."""
    return layer_index + (number + 1) * _STEP


def in_front(place: Place) -> int:
    """The layer that has to run for who begins at a place and knows no product."""
    return int(place)


def parts_of(loaded: LoadedModel) -> list[list[Part]]:
    """The parts of each layer, in the order in which they run; none where they are not known."""
    model_type = loaded.model.config.get_text_config().model_type
    writers = ARCHITECTURES.get(model_type, ())
    return [parts_in(layer, writers) for layer in loaded.layers]


def parts_in(layer: nn.Module, writers: Sequence[Writer]) -> list[Part]:
    """The parts of one layer: those of the table's writers that it has."""
    found: list[Part] = []
    for writer in writers:
        module = child_of(layer, writer.path.partition(".")[0])
        matrix = child_of(layer, writer.path)
        if module is not None and isinstance(matrix, nn.Linear):
            found.append(Part(writer, module, matrix))
    return found


def child_of(layer: nn.Module, path: str) -> nn.Module | None:
    """The module at a path below a layer, if there is one."""
    module: nn.Module | None = layer
    for step in path.split("."):
        module = getattr(module, step, None)
    return module
