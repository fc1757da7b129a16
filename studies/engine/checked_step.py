"""A single step of decoding in another way than the model's own, held against it.

A way that fails, or that computes something else than the model does, is left for the model, which
is always right.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from studies.engine.batching import is_out_of_memory
from studies.engine.ports import Reporter
from studies.engine.row_cache import RowCache, StepCache
from studies.engine.step_memory import Padded

States = list[tuple[Tensor, Tensor]]  # keys and values of each layer
_TOLERANCE: Final = 1e-3  # of the largest logit; in float32, graphs were within 2e-6
_ROUGH_TOLERANCE: Final = 5e-2  # of half-sized floats, which a compiler rounds less often


class Output(NamedTuple):
    """What the loop reads of a forward pass."""

    logits: Float[Tensor, "row token vocab"]
    past_key_values: RowCache


class CheckedStep(nn.Module, ABC):
    """Runs steps of one token per row with a `RowCache`, as the model would.

    It is a module so that it can be watched as models are: by hooks.
    """

    is_on: bool  # whether it still does, instead of the model
    _participle: ClassVar[str]  # what steps are in this way
    _failures: ClassVar[tuple[type[Exception], ...]]  # that mean: leave it to the model
    _keeps_memory: ClassVar[bool]  # more than the model takes: of short memory, that is the cause

    def __init__(
        self, model: PreTrainedModel, *, reporter: Reporter, tell: Callable[[str], None]
    ) -> None:
        """`tell` hears why steps are run by the model (again)."""
        super().__init__()
        self._model = [model]  # hidden: it is no part of this one
        self._reporter, self._tell = reporter, tell
        self.is_on = True

    @property
    def model(self) -> PreTrainedModel:
        """Whose steps these are."""
        return self._model[0]

    def forward(self, **inputs: Any) -> Any:  # noqa: ANN401 - as a model's forward
        """The model's output; an error of its own is raised as it is."""
        if self.is_on and self._takes(inputs["input_ids"], inputs["attention_mask"]):
            try:
                return self._checked(**inputs)
            except self._failures as error:
                causes = list(_causes(error))
                if any(map(is_out_of_memory, causes)) and not self._keeps_memory:
                    raise  # a smaller batch is the answer
                self._give_up(f"{type(causes[-1]).__name__}: {_first_line(causes[-1])}")
        return self.model(**inputs)

    @abstractmethod
    def _takes(self, ids: Int[Tensor, "row 1"], mask: Float[Tensor, "row 1 1 column"]) -> bool:
        """Whether such a step is run in this way."""

    @abstractmethod
    def _logits(self, step: Padded, cache: RowCache) -> Float[Tensor, "row 1 vocab"]:
        """What the step computes; new keys and values are in the cache afterwards."""

    @abstractmethod
    def _is_to_be_checked(self, step: Padded) -> bool:
        """Whether the step that has just been run is to be run by the model as well."""

    @abstractmethod
    def _let_go(self) -> None:
        """Free what is not needed any more."""

    def _checked(
        self,
        input_ids: Int[Tensor, "row 1"],
        attention_mask: Float[Tensor, "row 1 1 column"],
        position_ids: Int[Tensor, "row 1"],
        past_key_values: RowCache,
        **options: Any,  # noqa: ANN401 - passed on
    ) -> Any:  # noqa: ANN401 - as a model's forward
        step = Padded(input_ids, position_ids, attention_mask)
        logits = self._logits(step, past_key_values)
        if not self._is_to_be_checked(step):
            return Output(logits, past_key_values)
        output = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            **options,
        )
        if not _alike(logits, output.logits):
            self._give_up("it computed other numbers than the model does")
        return output

    def _give_up(self, why: str) -> None:
        self.is_on = False
        self._let_go()
        self._tell(
            f"Decoding steps are not {self._participle}, which is slower but the same: {why}."
        )


def step_of(model: PreTrainedModel) -> Callable[..., Tensor]:
    """A step as a function of tensors alone; hooks of the whole model see none of it."""

    def step(
        ids: Int[Tensor, "row 1"],
        columns: Int[Tensor, "row 1"],
        mask: Float[Tensor, "row 1 1 column"],
        states: States,
    ) -> Float[Tensor, "row 1 vocab"]:
        output = model.forward(
            input_ids=ids,
            attention_mask=mask,
            position_ids=columns,
            past_key_values=StepCache(states, columns, mask.shape[-1]),
            use_cache=True,
        )
        logits: Tensor = output.logits
        return logits

    return step


def _alike(found: Tensor, expected: Tensor) -> bool:
    """Whether logits are the same but for rounding; of a broken model, nothing can be said."""
    if not bool(expected.isfinite().all()):
        return True
    tolerance = _TOLERANCE if expected.dtype == torch.float32 else _ROUGH_TOLERANCE
    found, expected = found.float(), expected.float()
    most = tolerance * float(expected.abs().max())
    return float((found - expected).abs().max()) <= most


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error of a compiler's, what it wraps, and so on."""
    while error is not None:
        yield error
        error = getattr(error, "inner_exception", None) or error.__cause__


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".:")[:200] if lines else "no reason given"
