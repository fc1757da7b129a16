"""What the session asks of an ablation method's implementation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from jaxtyping import Int
from torch import Tensor

from studies.engine.components import Site
from studies.engine.model import LoadedModel
from studies.engine.parameters import Key
from studies.engine.parts import Place
from studies.engine.ports import Reporter, StopSignal
from studies.engine.prompts import TokenBatch

Parameters = Mapping[Key, float | str]
# The original weight in, the new one out: computed in float64, in the number format of the input.
Change = Callable[[Tensor], Tensor]


class MethodImplementation(Protocol):
    """One method on one loaded model; between `apply` and `reset` the model is ablated."""

    def __init__(
        self, loaded: LoadedModel, sites: Sequence[Site], settings: Mapping[str, object]
    ) -> None: ...

    def prepare(
        self,
        good: Sequence[TokenBatch],
        bad: Sequence[TokenBatch],
        *,
        reporter: Reporter,
        stop: StopSignal,
    ) -> None:
        """Measure what all trials share, on the original model."""

    def apply(self, parameters: Parameters, *, strength: float = 1.0) -> None:
        """Switch the running model to these parameters; replaces those applied before."""

    def reset(self) -> None:
        """Switch the running model back to the original, bit for bit."""

    def describe(self, parameters: Parameters) -> dict[str, object]:
        """Return what the parameters come to on this model, as JSON for pages.

        `kernel`, a weight per layer by component, becomes a chart; whatever else, a name and
        its value, is listed. None of it has to be there.
        """

    def changes(self, parameters: Parameters) -> Mapping[str, Change]:
        """Return, by state dict name, how each matrix that changes is made from its original."""

    @property
    def exact_rank(self) -> int | None:
        """The rank of every change, where it is low; None: any."""

    def baked(self, parameters: Parameters) -> Iterator[tuple[str, Tensor]]:
        """Yield (state dict name, new weight) of every matrix that changes, one at a time."""


@runtime_checkable
class BatchMethod(MethodImplementation, Protocol):
    """A method that can hold several parameter sets at once, one for each row of a batch.

    Methods that are no such thing run one trial after the other.
    """

    def apply_many(
        self, many: Sequence[Parameters], *, strengths: Sequence[float] | None = None
    ) -> None:
        """Switch the running model to these parameter sets; replaces those applied before.

        `strengths` scale them as in `apply`, one each; None: all by 1.
        """

    def first_place(self, parameters: Parameters) -> Place:
        """Where a row begins to differ by these parameters; the number of layers if nowhere.

        Behind a product only if what is changed of the matrix is made of that product alone
        (`finish_with`), and in front of its layer otherwise.
        """

    def assign(self, owners: Int[Tensor, " row"] | None) -> None:
        """Say which of the applied sets each row of the next forward passes belongs to."""


@contextmanager
def applied(method: MethodImplementation, parameters: Parameters) -> Iterator[None]:
    """Run the block on the ablated model; afterwards it is the original again."""
    try:
        method.apply(parameters)
        yield
    finally:
        method.reset()
