"""The single step of decoding, recorded as a CUDA graph for each shape and replayed.

A step launches dozens of kernels a layer, one by one, which takes longer than they run unless rows
are many. A graph launches them all at once. It reads and writes the addresses that it was recorded
with: what varies is copied there, and transforms of trials are overwritten in place.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
from weakref import WeakSet

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel

from studies.engine.checked_step import CheckedStep, States, step_of
from studies.engine.ports import Reporter
from studies.engine.row_cache import RowCache
from studies.engine.step_memory import Padded, StepMemory
from studies.engine.traced import traced

Work = Callable[[], None]
Record = Callable[[Work], Work]  # gives what does the work again, with what is in memory then
Shape = tuple[int, int]  # rows and columns, padded
MOST_GRAPHS: Final = 64  # a few MB each; shapes of short batches come and go


class RecordedStep(CheckedStep):
    """Steps of one token per row, replayed where their shape has been seen before."""

    _participle = "recorded"
    _failures = (RuntimeError, TypeError, ValueError, AttributeError, LookupError, AssertionError)
    _keeps_memory = True

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        reporter: Reporter,
        tell: Callable[[str], None],
        record: Record | None = None,
    ) -> None:
        """`record`: None for CUDA graphs."""
        super().__init__(model, reporter=reporter, tell=tell)
        self._memory = StepMemory()
        self._record = record or _Graphs()
        self._step = step_of(model)
        self._seen: set[Shape] = set()
        self._recorded: dict[Shape, _Recorded] = {}
        self._states: States = []  # that the graphs were recorded with
        self._out: Tensor | None = None  # logits of any graph: one at a time is read
        self._is_new = False

    def _takes(self, ids: Int[Tensor, "row 1"], mask: Float[Tensor, "row 1 1 column"]) -> bool:
        """Recording takes about as long as a step does, so it is for shapes that come again."""
        shape = self._memory.shape_of(ids, mask)
        if shape in self._seen:
            return True
        self._seen.add(shape)
        return False

    def _logits(self, step: Padded, cache: RowCache) -> Float[Tensor, "row 1 vocab"]:
        n_rows = len(step.ids)
        step, states = self._memory.hold(step, cache)
        if states is not self._states:
            self._recorded.clear()
            self._states, self._out = states, None
        shape = (len(step.ids), step.mask.shape[-1])
        self._is_new = shape not in self._recorded
        if self._is_new:
            if len(self._recorded) >= MOST_GRAPHS:
                del self._recorded[next(iter(self._recorded))]
            self._recorded[shape] = self._record_one(step)
        return self._recorded[shape](step)[:n_rows]

    def _is_to_be_checked(self, step: Padded) -> bool:
        return self._is_new

    def _let_go(self) -> None:
        self._recorded.clear()
        self._memory, self._states, self._out = StepMemory(), [], None

    def _record_one(self, step: Padded) -> "_Recorded":
        inputs = Padded(*(one.clone() for one in step))
        with traced():
            if self._out is None:  # and what libraries set up at their first call
                like = self._step(*inputs, self._states)
                self._out = like.new_empty(len(self._states[0][0]), *like.shape[1:])
            out = self._out[: len(inputs.ids)]

            def work() -> None:
                out.copy_(self._step(*inputs, self._states))

            return _Recorded(inputs, self._record(work), out)


class _Recorded(NamedTuple):
    """A step of one shape."""

    inputs: Padded
    replay: Work
    out: Float[Tensor, "row 1 vocab"]

    def __call__(self, step: Padded) -> Float[Tensor, "row 1 vocab"]:
        """The logits, until the next call of any step."""
        for own, given in zip(self.inputs, step, strict=True):
            own.copy_(given)
        self.replay()
        return self.out


class _Graphs:
    """Records CUDA graphs, which share the memory of what they compute on the way."""

    def __init__(self) -> None:
        self._living: WeakSet[torch.cuda.CUDAGraph] = WeakSet()
        self._stream: torch.cuda.Stream | None = None

    def __call__(self, work: Work) -> Work:
        if self._stream is None:
            self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        graph = torch.cuda.CUDAGraph()
        # Not by the library's context manager: it gives all free memory back each time.
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            graph.capture_begin(pool=self._pool(), capture_error_mode="thread_local")
            try:
                work()
            except BaseException as error:
                try:
                    graph.capture_end()
                except RuntimeError:  # it says less
                    raise error from None
                raise
            graph.capture_end()
        torch.cuda.current_stream().wait_stream(self._stream)
        self._living.add(graph)
        return graph.replay

    def _pool(self) -> Any:  # noqa: ANN401 - the library's own kind of number
        """Memory ends with the last graph that uses it; its number may not be used again."""
        for graph in self._living:
            return graph.pool()
        return torch.cuda.graph_pool_handle()
