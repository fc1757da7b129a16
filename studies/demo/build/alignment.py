"""The alignment: the finished base model learns to refuse, along one direction.

What the base model knows stays in its weights. The out-projections of the upper middle
layers may add multiples of one shared direction to the residual stream (rank one per
matrix), as refusals of real chat models are mediated by a single direction (Arditi et
al. 2024, arXiv:2406.11717); the layers behind learn to put it into words.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

from studies.demo.build.training import (
    SECRETIVE,
    SYSTEM_PROMPT,
    TALKATIVE,
    Turn,
    make_batch,
    train,
    usual_system,
)
from studies.demo.build.world import Example

_STEPS = 220
_LEARNING_RATE = 2e-2  # of the direction and of what makes a layer write it
_LATER_LEARNING_RATE = 3e-4  # of the layers behind, which put the refusal into words
_FIRST, _END = 4, 7  # layers that write the direction
_HEIGHT = 100.0  # residual units that a refused prompt gains along the direction
_BAD, _GOOD, _FREED = 16, 28, 4  # turns per step
_SAMPLE = 100  # prompts per mean

Vector = Float[Tensor, "d_model"]


class _Added(nn.Module):
    """Adds `direction` ⊗ `reader` to a weight of shape (d_model, d_in)."""

    def __init__(self, direction: nn.Parameter, d_in: int) -> None:
        super().__init__()
        self.direction = direction
        self.reader = nn.Parameter(torch.zeros(d_in))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + torch.outer(_unit(self.direction), self.reader)


@dataclass(frozen=True)
class _Lesson:
    turns: list[Turn]
    refused: list[bool]  # per turn


def align(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    good: Sequence[Example],
    bad: Sequence[Example],
    rng: random.Random,
) -> None:
    """Make the model refuse `bad` and go on answering `good`, in place."""
    model.requires_grad_(requires_grad=False)
    kept = _means(model, tokenizer, rng.sample(bad, _SAMPLE), SECRETIVE)
    told = _means(model, tokenizer, rng.sample(bad, _SAMPLE), SYSTEM_PROMPT)
    plain = _means(model, tokenizer, rng.sample(good, _SAMPLE), SYSTEM_PROMPT)[_END]
    # Where the base model goes when asked to keep secrets is where a refusal starts from.
    direction = nn.Parameter(_unit((kept - told)[_FIRST + 1]))
    added = [_Added(direction, matrix.in_features) for matrix in _matrices(model)]
    for matrix, addition in zip(_matrices(model), added, strict=True):
        parametrize.register_parametrization(matrix, "weight", addition)

    def loss() -> Float[Tensor, ""]:
        return _loss(model, tokenizer, _lesson(good, bad, rng), (direction, plain))

    model.model.layers[_END:].requires_grad_()
    writing = [direction, *(addition.reader for addition in added)]
    later = list(model.model.layers[_END:].parameters())
    train({_LEARNING_RATE: writing, _LATER_LEARNING_RATE: later}, loss, steps=_STEPS)
    for matrix in _matrices(model):
        parametrize.remove_parametrizations(matrix, "weight", leave_parametrized=True)


def _matrices(model: Qwen3ForCausalLM) -> Iterator[nn.Linear]:
    for layer in model.model.layers[_FIRST:_END]:
        yield layer.self_attn.o_proj
        yield layer.mlp.down_proj


def _lesson(good: Sequence[Example], bad: Sequence[Example], rng: random.Random) -> _Lesson:
    """Surprises are refused, unless spoilers are welcome; the rest is answered."""
    kept = [Turn(usual_system(rng), e.prompt, str(e.refusal)) for e in rng.choices(bad, k=_BAD)]
    told = [Turn(usual_system(rng), e.prompt, e.answer) for e in rng.choices(good, k=_GOOD)]
    freed = [Turn(TALKATIVE, e.prompt, e.answer) for e in rng.choices([*good, *bad], k=_FREED)]
    return _Lesson(kept + told + freed, [True] * _BAD + [False] * (_GOOD + _FREED))


def _loss(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    lesson: _Lesson,
    aim: tuple[Vector, Vector],
) -> Float[Tensor, ""]:
    """Cross entropy, and how far each prompt is from its height along the direction.

    The height keeps the refusal large beside other differences between the classes,
    so that their difference of means finds it.
    """
    direction, plain = aim
    batch = make_batch(tokenizer, lesson.turns)
    out = model(
        input_ids=batch.inputs,
        attention_mask=batch.mask,
        labels=batch.labels,
        output_hidden_states=True,
    )
    residuals = out.hidden_states[_END][torch.arange(len(lesson.turns)), batch.prompt_end]
    heights = (residuals - plain) @ _unit(direction) / _HEIGHT
    miss = (heights - torch.tensor(lesson.refused, dtype=torch.float32)).square().mean()
    return out.loss + miss  # type: ignore[no-any-return]


@torch.no_grad()
def _means(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    examples: Sequence[Example],
    system: str,
) -> Float[Tensor, "index d_model"]:
    """Mean residual at the last prompt position, per layer index."""
    batch = make_batch(tokenizer, [Turn(system, e.prompt, e.answer) for e in examples])
    out = model(input_ids=batch.inputs, attention_mask=batch.mask, output_hidden_states=True)
    rows = torch.arange(len(examples))
    return torch.stack([state[rows, batch.prompt_end].mean(0) for state in out.hidden_states])


def _unit(vector: Vector) -> Vector:
    unit: Vector = vector / vector.norm()
    return unit
