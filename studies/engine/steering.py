"""The change of one matrix that moves its outputs for bad prompts to those of good ones.

With W (d_out × d_in), inputs x and outputs y = W x before the bias, one per prompt, the change Δ
minimises, over good prompts g and bad prompts b,

    J(Δ) = p · mean_g ‖Δ x_g‖² / σ²
         + s · mean_b (‖y_b + Δ x_b − t_b‖² + c · δ_b² / (1 + ‖Δ x_b‖² / δ_b²)) / σ²
         + RIDGE · ξ² · ‖Δ‖² / σ²

p, s, c are the weights `preserve_good`, `steer_bad` and `overcorrect`; t_b is the mean of the k
good outputs nearest to y_b and δ_b = ‖t_b − y_b‖ the way that b has to go. σ² is the variance of
the good outputs and ξ² the mean square of a component of the inputs, so that weights mean the
same for every matrix. The term of c pushes an output away from where it was and fades with the
distance: J is bounded below by 0, however large c. Without it J is quadratic, with a closed form.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

RIDGE = 1e-2  # of the inputs' mean square: what no prompt asks for stays as it is
STEPS = 12  # of L-BFGS; whitened, it is within 1e-4 of the minimum after about half of them
NEGLIGIBLE = 1e-100  # size of an update whose square has no digits left
PROMPTS_AT_ONCE = 256  # bounds the table of distances


class Weights(NamedTuple):
    """How much each aim counts, and how many neighbours make a target."""

    preserve_good: float  # above 0
    steer_bad: float
    overcorrect: float
    neighbor_count: int


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Inputs of one matrix for all prompts, in coordinates of the space that they span.

    An input is `basis @ coordinates`; basis None: the coordinates are the input itself. Kept in
    float32 on the CPU: of a large model there are gigabytes of them.
    """

    good: Float[Tensor, "good rank"]
    bad: Float[Tensor, "bad rank"]
    basis: Float[Tensor, "d_in rank"] | None

    def to(self, device: torch.device) -> "Inputs":
        """The same in float64, where they are worked with."""
        basis = None if self.basis is None else self.basis.to(device, torch.float64)
        return Inputs(
            self.good.to(device, torch.float64), self.bad.to(device, torch.float64), basis
        )


class Update(NamedTuple):
    """Δ = left @ basisᵀ of the inputs, or left itself where they have no basis."""

    left: Float[Tensor, "d_out rank"]
    basis: Float[Tensor, "d_in rank"] | None

    def full(self) -> Float[Tensor, "d_out d_in"]:
        """Δ as a matrix of its own."""
        return self.left if self.basis is None else self.left @ self.basis.T


def reduced(good: Float[Tensor, "good d_in"], bad: Float[Tensor, "bad d_in"]) -> Inputs:
    """Find the span of the inputs: outside it, the best Δ is 0, so it need not be looked for."""
    both = torch.cat([good, bad]).double()
    basis = None
    if len(both) < both.shape[1]:
        basis, coordinates = torch.linalg.qr(both.T)
        basis, both = basis.float().cpu(), coordinates.T
    kept = both.float().cpu()
    return Inputs(kept[: len(good)], kept[len(good) :], basis)


def best_update(
    weight: Float[Tensor, "d_out d_in"], inputs: Inputs, weights: Weights
) -> Update | None:
    """Minimise J; None where nothing has to change, or the outputs do not vary at all.

    All in float64. The variables are whitened by the quadratic part, whose Hessian is the
    identity then; L-BFGS starts from its closed form and has only the fading push to add.
    """
    inputs = inputs.to(weight.device)
    coordinates = weight.double() if inputs.basis is None else weight.double() @ inputs.basis
    good_outputs, bad_outputs = inputs.good @ coordinates.T, inputs.bad @ coordinates.T
    variance = _variance(good_outputs)
    way = _targets(good_outputs, bad_outputs, weights.neighbor_count) - bad_outputs
    if variance == 0 or weights.steer_bad == 0 or not bool(way.any()):
        return None
    share = weights.steer_bad / len(way)
    root = _root(inputs, weights)
    white = torch.linalg.solve_triangular(root, inputs.bad.T, upper=False)
    found = _minimised(way.T / variance.sqrt(), white, share, weights.overcorrect)
    left = torch.linalg.solve_triangular(root, found, upper=False, left=False)
    return Update(left * variance.sqrt(), inputs.basis)


def _variance(outputs: Float[Tensor, "good d_out"]) -> Tensor:
    """Return the variance of the outputs; of a single prompt, its mean square."""
    centred = outputs - outputs.mean(dim=0) if len(outputs) > 1 else outputs
    return centred.square().sum(dim=1).mean()


def _targets(
    good: Float[Tensor, "good d_out"], bad: Float[Tensor, "bad d_out"], neighbor_count: int
) -> Float[Tensor, "bad d_out"]:
    """Return for each bad output the mean of the good ones nearest to it."""
    count = min(neighbor_count, len(good))
    parts = [
        good[torch.cdist(part, good).topk(count, largest=False).indices].mean(dim=1)
        for part in torch.split(bad, PROMPTS_AT_ONCE)
    ]
    return torch.cat(parts)


def _root(inputs: Inputs, weights: Weights) -> Float[Tensor, "rank rank"]:
    """Return the Cholesky factor of the quadratic part, p C_good + s C_bad + ridge."""
    good, bad = (part.T @ part / len(part) for part in (inputs.good, inputs.bad))
    size = len(good) if inputs.basis is None else len(inputs.basis)
    ridge = RIDGE * (good.trace() + bad.trace()) / (2 * size)
    eye = torch.eye(len(good), dtype=good.dtype, device=good.device)
    quadratic = weights.preserve_good * good + weights.steer_bad * bad + ridge * eye
    root: Tensor = torch.linalg.cholesky(quadratic)
    return root


def _minimised(
    way: Float[Tensor, "d_out bad"],
    white: Float[Tensor, "rank bad"],
    share: float,
    overcorrect: float,
) -> Float[Tensor, "d_out rank"]:
    """Minimise ‖N‖² + share · Σ_b (−2 w_b·(N z_b) + c δ_b² / (1 + ‖N z_b‖² / δ_b²)) over N."""
    lengths = way.square().sum(dim=0)  # δ²
    safe = torch.where(lengths == 0, 1, lengths)
    closed = (share * way) @ white.T
    size = float(closed.norm())
    if overcorrect == 0 or size < NEGLIGIBLE:
        return closed
    # In units of the closed form: L-BFGS stops by gradients and steps of absolute size.
    white, share = size * white, share / size**2
    variables = _overshoot(overcorrect) / size * closed
    search = torch.optim.LBFGS(
        [variables], max_iter=STEPS, max_eval=3 * STEPS, line_search_fn="strong_wolfe"
    )

    def closure() -> float:
        moved = variables @ white
        fading = 1 / (1 + moved.square().sum(dim=0) / safe)
        push = overcorrect * fading.square() * (lengths > 0)
        variables.grad = 2 * (variables - share * (way + push * moved) @ white.T)
        steered = overcorrect * lengths * fading - 2 * (way * moved).sum(dim=0)
        return float(variables.square().sum() + share * steered.sum())

    search.step(closure)  # type: ignore[no-untyped-call]
    variables.grad = None
    return size * variables


def _overshoot(overcorrect: float) -> float:
    """Return how far, in units of δ, a prompt goes that nothing holds back.

    There the pull back, s − 1, is as strong as the push, c s / (1 + s²)²; found by halving.
    """
    low, high = 1.0, 1.0 + overcorrect  # the push is below c
    for _ in range(60):
        middle = (low + high) / 2
        if middle - 1 < overcorrect * middle / (1 + middle * middle) ** 2:
            low = middle
        else:
            high = middle
    return low
