"""The single step of decoding, compiled once for any number of rows, columns and trials.

What varies from step to step are tensors: tokens, places, masks, keys and values, and the
transforms of the trials, which are overwritten in place. A step that cannot be compiled, or that
computes something else than the model does, is left to the model, which is always right.

On CUDA devices, steps are also recorded as CUDA graphs (which may write to inputs whose addresses
are marked as static); tests run that part's memory and shapes on the processor.
"""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch._dynamo import callback, mark_dynamic
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
from transformers import PreTrainedModel

from studies.engine.batching import is_out_of_memory
from studies.engine.grouped_heads import heads_grouped
from studies.engine.ports import Reporter
from studies.engine.row_cache import RowCache, StepCache
from studies.engine.step_memory import Padded, StepMemory

States = list[tuple[Tensor, Tensor]]  # keys and values of each layer
GRAPHS_LIMIT: Final = 4  # compilations in all; the transforms keep their shape, so one is usual
_TOLERANCE = 1e-3  # of the largest logit; in float32, graphs were within 2e-6
_ROUGH_TOLERANCE = 5e-2  # of half-sized floats, which the compiler rounds less often
# What goes wrong in compiling: the compiler's own errors, a missing C++ compiler, a full disk …
_FAILURES = (
    *(TorchDynamoException, FailOnRecompileLimitHit),
    *(RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError),
    *(OSError, ImportError, ArithmeticError, subprocess.SubprocessError),
)


class Output(NamedTuple):
    """What the loop reads of a forward pass."""

    logits: Float[Tensor, "row token vocab"]
    past_key_values: RowCache


class CompiledStep:
    """Runs steps of one token per row with a `RowCache`, as the model would."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        reporter: Reporter,
        tell: Callable[[str], None],
        backend: str = "inductor",
        graphs: bool = False,
    ) -> None:
        """`tell` hears why steps are not compiled (any more).

        `graphs`: record CUDA graphs, which keep to the shapes and addresses that they have seen.
        So rows and columns are padded to few numbers, and keys and values stay in one place.
        """
        self._model, self._reporter, self._tell = model, reporter, tell
        self._memory = StepMemory() if graphs else None
        self._mode = "reduce-overhead" if graphs and backend == "inductor" else None
        self._backend = backend
        self._compiled: Callable[..., Tensor] | None = None
        self._checked: Counter[tuple[int, ...]] = Counter()
        self.n_compiled = 0
        self.is_on = True

    def __call__(self, **inputs: Any) -> Any:  # noqa: ANN401 - as a model's forward
        """The model's output; an error of its own is raised as it is."""
        # One row is another shape to the compiler, and soon done.
        if self.is_on and (self._memory is not None or len(inputs["input_ids"]) > 1):
            try:
                return self._run(**inputs)
            except _FAILURES as error:
                causes = list(_causes(error))
                if any(map(is_out_of_memory, causes)):
                    raise  # a smaller batch is the answer
                self._give_up(f"{type(causes[-1]).__name__}: {_first_line(causes[-1])}")
        return self._model(**inputs)

    def _run(
        self,
        input_ids: Int[Tensor, "row 1"],
        attention_mask: Float[Tensor, "row 1 1 column"],
        position_ids: Int[Tensor, "row 1"],
        past_key_values: RowCache,
        **options: Any,  # noqa: ANN401 - passed on
    ) -> Any:  # noqa: ANN401 - as a model's forward
        step = Padded(input_ids, position_ids, attention_mask)
        n_rows = len(input_ids)
        if self._memory is None:
            states = past_key_values.states(attention_mask.shape[-1])
        else:
            step, states = self._memory.hold(step, past_key_values)
        # On the processor, compiled steps would ask the environment at each call.
        grouped = heads_grouped(input_ids.device) if input_ids.is_cuda else nullcontext()
        with self._told(is_first=self._compiled is None), grouped:
            logits = self._forward(step, states)[:n_rows]
        shape = (self.n_compiled, *(step.mask.shape if self._memory else ()))
        if self._checked[shape] >= (1 if self._memory is None else 3):  # the third is a replay
            return Output(logits, past_key_values)
        self._checked[shape] += 1
        output = self._model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            **options,
        )
        if not _alike(logits, output.logits):
            self._give_up("it computed other numbers than the model does")
        return output

    def _forward(self, step: Padded, states: States) -> Float[Tensor, "row 1 vocab"]:
        if self._compiled is None:
            compiled: Any = torch.compile  # its types know only some of its options
            self._compiled = compiled(
                _step_of(self._model),
                fullgraph=True,
                backend=self._backend,
                mode=self._mode,
                recompile_limit=GRAPHS_LIMIT,
                isolate_recompiles=True,
            )
        _mark(step, states)
        if self._mode:
            # The last step's logits are used up.
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return self._compiled(*step, states)

    def _give_up(self, why: str) -> None:
        self.is_on = False
        self._compiled = self._memory = None
        self._tell(f"Decoding steps are not compiled, which is slower but the same: {why}.")

    @contextmanager
    def _told(self, *, is_first: bool) -> Iterator[None]:
        """Say that it compiles while the first call does, and count compilations."""
        if is_first:
            self._reporter.phase("compiling")
        handler = callback.callback_handler
        handler.register_start_callback(self._count)
        try:
            yield
        finally:
            handler.remove_start_callback(self._count)
            if is_first:
                self._reporter.phase("generating")

    def _count(self, args: callback.CallbackArgs) -> None:
        self.n_compiled += args.callback_trigger is callback.CallbackTrigger.DYNAMO


def _step_of(model: PreTrainedModel) -> Callable[..., Tensor]:
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


def _mark(step: Padded, states: States) -> None:
    """Have the compiler take the numbers of rows and columns as any; needed once per tensor."""
    mark_dynamic(step.ids, 0)
    mark_dynamic(step.columns, 0)
    mark_dynamic(step.mask, [0, 3])
    if not hasattr(states[0][0], "_dynamo_dynamic_indices"):
        for pair in states:
            for one in pair:
                mark_dynamic(one, [0, 2])


def _alike(found: Tensor, expected: Tensor) -> bool:
    """Whether logits are the same but for rounding; of a broken model, nothing can be said."""
    if not bool(expected.isfinite().all()):
        return True
    tolerance = _TOLERANCE if expected.dtype == torch.float32 else _ROUGH_TOLERANCE
    found, expected = found.float(), expected.float()
    most = tolerance * float(expected.abs().max())
    return float((found - expected).abs().max()) <= most


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error of the compiler's, what it wraps, and so on."""
    while error is not None:
        yield error
        error = getattr(error, "inner_exception", None) or error.__cause__


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".:")[:200] if lines else "no reason given"
