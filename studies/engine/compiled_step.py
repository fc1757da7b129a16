"""The single step of decoding, compiled once for any number of rows, columns and trials.

What varies from step to step are tensors: tokens, places, masks, keys and values, and the
transforms of the trials, which are overwritten in place.

On CUDA devices, steps are also recorded as CUDA graphs (which may write to inputs whose addresses
are marked as static); tests run that part's memory and shapes on the processor.
"""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch._dynamo import callback, mark_dynamic
from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
from transformers import PreTrainedModel

from studies.engine.checked_step import CheckedStep, States, step_of
from studies.engine.ports import Reporter
from studies.engine.row_cache import RowCache
from studies.engine.step_memory import Padded, StepMemory

GRAPHS_LIMIT: Final = 4  # compilations in all; the transforms keep their shape, so one is usual


class CompiledStep(CheckedStep):
    """Steps of one token per row, by `torch.compile`."""

    _participle = "compiled"
    # What goes wrong in compiling: its own errors, a missing C++ compiler, a full disk …
    _failures = (
        *(TorchDynamoException, FailOnRecompileLimitHit),
        *(RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError),
        *(OSError, ImportError, ArithmeticError, subprocess.SubprocessError),
    )
    _keeps_memory = False

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        reporter: Reporter,
        tell: Callable[[str], None],
        backend: str = "inductor",
        graphs: bool = False,
    ) -> None:
        """`graphs`: record CUDA graphs, which keep to the shapes and addresses that they have seen.

        So rows and columns are padded to few numbers, and keys and values stay in one place.
        """
        super().__init__(model, reporter=reporter, tell=tell)
        self._memory = StepMemory() if graphs else None
        self._mode = "reduce-overhead" if graphs and backend == "inductor" else None
        self._backend = backend
        self._compiled: Callable[..., Tensor] | None = None
        self._seen: Counter[tuple[int, ...]] = Counter()
        self.n_compiled = 0

    def _takes(self, ids: Int[Tensor, "row 1"], mask: Float[Tensor, "row 1 1 column"]) -> bool:
        """One row is another shape to the compiler, and soon done."""
        return self._memory is not None or len(ids) > 1

    def _logits(self, step: Padded, cache: RowCache) -> Float[Tensor, "row 1 vocab"]:
        n_rows = len(step.ids)
        if self._memory is None:
            states = cache.states()
        else:
            step, states = self._memory.hold(step, cache)
        with self._told(is_first=self._compiled is None):
            return self._run(step, states)[:n_rows]

    def _is_to_be_checked(self, step: Padded) -> bool:
        padded = () if self._memory is None else self._memory.shape_of(step.ids, step.mask)
        shape = (self.n_compiled, *padded)
        self._seen[shape] += 1
        return self._seen[shape] <= (1 if self._memory is None else 3)  # the third is a replay

    def _let_go(self) -> None:
        self._compiled = self._memory = None

    def _run(self, step: Padded, states: States) -> Float[Tensor, "row 1 vocab"]:
        if self._compiled is None:
            compiled: Any = torch.compile  # its types know only some of its options
            self._compiled = compiled(
                step_of(self.model),
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


def _mark(step: Padded, states: States) -> None:
    """Have the compiler take the numbers of rows and columns as any; needed once per tensor."""
    mark_dynamic(step.ids, 0)
    mark_dynamic(step.columns, 0)
    mark_dynamic(step.mask, [0, 3])
    if not hasattr(states[0][0], "_dynamo_dynamic_indices"):
        for pair in states:
            for one in pair:
                mark_dynamic(one, [0, 2])
