"""How near an arm comes to what a device can do at best.

The least time of a matrix product or of attention is that of its arithmetic or that of reading
and writing its operands once, whichever is longer, at the rates measured here (Williams, Waterman
and Patterson, 2009, "Roofline"). Everything else counts as free. What counts is what an arm computes,
needed or not: pairs that attention masks, too, and guessed tokens that do not hold.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from studies.engine.bench.arms import Arm
from studies.engine.bench.probes import now
from studies.engine.bench.rounds import REFERENCE
from studies.engine.search_space import Parameters

_aten: Final = torch.ops.aten
_PRODUCTS: Final = {_aten.mm, _aten.addmm, _aten.bmm, _aten.baddbmm}
_ATTENTION: Final = {
    _aten._scaled_dot_product_efficient_attention,  # noqa: SLF001 - how they are named
    _aten._scaled_dot_product_flash_attention,  # noqa: SLF001
    _aten._scaled_dot_product_cudnn_attention,  # noqa: SLF001
    _aten._scaled_dot_product_flash_attention_for_cpu,  # noqa: SLF001
}
_TIMES: Final = 5  # that each rate is measured
_TURNS: Final = 3  # that each arm's trials are timed
_EDGE: Final = {"cuda": 8192, "cpu": 1536}  # of the matrices that are multiplied
_BYTES: Final = {"cuda": 2**31, "cpu": 2**28}  # that are copied


class Rates(NamedTuple):
    """What a device was seen to do, per second."""

    operations: float  # of a large matrix product, in floating point
    bytes: float  # read and written by a large copy


def measured_rates(device: torch.device, dtype: torch.dtype) -> Rates:
    """The best of a few large products and copies of random numbers."""
    edge, n_bytes = _EDGE[device.type], _BYTES[device.type]
    left, right = (torch.randn(edge, edge, device=device, dtype=dtype) for _ in range(2))
    source = torch.randn(n_bytes // 4, device=device)
    target = torch.empty_like(source)
    return Rates(
        operations=2 * edge**3 / min(_seconds(lambda: left @ right) for _ in range(_TIMES)),
        bytes=2 * n_bytes / min(_seconds(lambda: target.copy_(source)) for _ in range(_TIMES)),
    )


def beside_roofline(
    arms: Mapping[str, Arm],
    trials: Sequence[Parameters],
    n_alone: int,
    tell: Callable[[str], None],
) -> dict[str, object]:
    """How much of the time that each arm takes for these trials they need at least.

    Arms that score one trial after the other take the first `n_alone`. Operations are counted
    while the model runs all steps; times are those of the arm as it is, medians of a few turns.
    """
    weight = next(arms[REFERENCE].modules[0].parameters())
    rates = measured_rates(weight.device, weight.dtype)
    tell(f"{rates.operations / 1e12:.3g} TFLOP/s, {rates.bytes / 1e9:.3g} GB/s")
    found: dict[str, dict[str, float]] = {}
    for name, arm in arms.items():
        some = trials if arm.at_once > 1 else trials[:n_alone]
        with arm.by_the_model(), LeastTime(rates) as counted:
            arm.trials(some)
        taken = median(
            _seconds(lambda arm=arm, some=some: arm.trials(some)) for _ in range(_TURNS)
        )
        least, share = counted.seconds / len(some), counted.seconds / taken
        found[name] = {
            "least": least,
            "operations": counted.operations / len(some),
            "seconds": taken / len(some),
            "share": share,
        }
        tell(
            f"{name:>14}: {least:.4g} s a trial at least, {taken / len(some):.4g} s taken, "
            f"{share:.1%} of the roofline"
        )
    return {"rates": rates._asdict(), "arms": found}


class LeastTime(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the least seconds of what is computed meanwhile."""

    def __init__(self, rates: Rates) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rates = rates
        self.seconds = 0.0
        self.operations = 0.0

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - an overload of the library's
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - as the operation gives it
        given = kwargs or {}
        packet = func._overloadpacket  # noqa: SLF001 - as the library's own counter does
        if packet not in _PRODUCTS | _ATTENTION:
            with self:
                parts = func.decompose(*args, **given)  # inference mode leaves a Linear whole
            if parts is not NotImplemented:
                return parts
            return func(*args, **given)
        out = func(*args, **given)
        if packet in _PRODUCTS:
            # Matrices alone: the registry does not know that a number format may stand behind.
            tensors = [one for one in args if isinstance(one, Tensor)]
            self._count(flop_registry[packet](*tensors, out_val=out), (tensors, out))
        else:
            query, key, value = args[:3]
            answer = out[0]
            pairs = query.numel() // query.shape[-1] * key.shape[-2]
            n_operations = 2 * pairs * (query.shape[-1] + value.shape[-1])
            self._count(n_operations, (query, key, value, answer))
        return out

    def _count(self, n_operations: float, tensors: object) -> None:
        n_bytes = sum(_n_bytes(one) for one in tree_leaves(tensors) if isinstance(one, Tensor))
        self.operations += n_operations
        self.seconds += max(n_operations / self._rates.operations, n_bytes / self._rates.bytes)


def _n_bytes(tensor: Tensor) -> int:
    """What has to be read at least: what is spread over a dimension counts once."""
    numbers = 1
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        numbers *= size if stride else min(size, 1)
    return numbers * tensor.itemsize


def _seconds(work: Any) -> float:  # noqa: ANN401 - what it gives is of no interest
    begun = now()
    work()
    return now() - begun
