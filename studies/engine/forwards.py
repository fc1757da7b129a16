"""Running the modules of a live model in another way for a while."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from torch import Tensor, nn
from torch.nn import functional

# Where a matrix of a live model says what is made of its product, while that is changed.
_FINISH: Final = "finish"


def slot_of(module: nn.Module) -> str:
    """Where a module's own forward is replaced: behind what accelerate has put before it."""
    return "_old_forward" if hasattr(module, "_old_forward") else "forward"


def replace_forward(
    changed: ExitStack, module: nn.Module, forward: Callable[..., Any], slot: str = "forward"
) -> None:
    """Give a module another forward until `changed` ends."""
    had = vars(module).get(slot)
    setattr(module, slot, forward)

    def give_back() -> None:
        if had is None:
            delattr(module, slot)
        else:
            setattr(module, slot, had)

    changed.callback(give_back)


def first_rows(given: object, *, n_rows: int, n: int) -> object:
    """The first rows of what a module is given per row: masks, positions, their embeddings."""
    if isinstance(given, tuple):
        return tuple(first_rows(one, n_rows=n_rows, n=n) for one in given)
    if isinstance(given, Tensor) and given.dim() > 1 and given.shape[0] == n_rows:
        return given[:n]
    return given


def product(module: nn.Linear, inputs: Tensor) -> Tensor:
    """W x, before the bias and before whatever is made of it."""
    return functional.linear(inputs, module.weight)


def finished(module: nn.Linear, products: Tensor) -> Tensor:
    """The module's output, given its product, which may be overwritten."""
    finish: Callable[[Tensor], Tensor] | None = vars(module).get(_FINISH)
    if finish is not None:
        return finish(products)
    bias: Tensor | None = module.bias
    return products if bias is None else products.add_(bias)


def finish_with(module: nn.Linear, finish: Callable[[Tensor], Tensor] | None) -> None:
    """Say what is made of a module's product, bias included; None: what it does by itself."""
    if finish is None:
        vars(module).pop(_FINISH, None)
    else:
        setattr(module, _FINISH, finish)
