"""Exact removal of a direction on the output side of a matrix, and the same baked into it.

With W (d_out × d_in), z = W x before the bias, v the unit direction, λ the weight and ρ the row
norms of W, every mode has the form y = a∘z − t (w·z), so nothing of the size of W is touched.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from studies.engine.directions import Blend, blended
from studies.engine.errors import DegenerateDirectionError
from studies.engine.forwards import finish_with, product, slot_of
from studies.engine.study_settings import MAX_BATCH, MAX_TRIALS_PER_BATCH
from studies.engine.traced import is_traced

RowNormalization = Literal["none", "pre", "full"]
Vector = Float[Tensor, " d_out"]

# Least share of its length that a row may keep before `full` scales it back: a row that
# was almost parallel to v has only rounding left, which must not be blown up.
FLOOR = 1e-3
MOST_ROWS = MAX_BATCH * MAX_TRIALS_PER_BATCH
COLUMNS_AT_ONCE = 4096  # bounds the float64 copy of a matrix


class OutputTransform(NamedTuple):
    """y = scale∘z − write (read·z): one matrix, one trial, float64."""

    scale: Vector
    read: Vector
    write: Vector


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """What a trial needs to know of a matrix, for all directions at once (float64, on the CPU)."""

    norms: Vector  # ρ
    basis: Float[Tensor, "index d_out"]  # the directions, in front of the norm that may follow
    overlaps: Float[Tensor, "index d_out"]  # m = Ŵ Ŵᵀ v with Ŵ = diag(1/ρ) W, linear in v


def row_statistics(
    weight: Float[Tensor, "d_out d_in"],
    directions: Float[Tensor, "index d_out"],
    gain: Vector | None = None,
) -> RowStatistics:
    """Measure a matrix once for all directions; one forward and back product in float64.

    `gain` is that of an RMS norm between the matrix and the residual stream: then gain∘v is
    what has to leave the output for v to leave the residual.
    """
    device = weight.device
    basis = directions.to(device, torch.float64)
    basis = basis if gain is None else basis * gain.to(device, torch.float64)
    blocks = torch.split(weight, COLUMNS_AT_ONCE, dim=1)
    squares = torch.zeros(len(weight), dtype=torch.float64, device=device)
    for block in blocks:
        squares += block.double().square().sum(dim=1)
    norms = squares.sqrt()
    inverse = _inverse(norms)
    overlaps = torch.zeros_like(basis)
    for block in blocks:
        columns = block.double()
        overlaps += ((basis * inverse) @ columns) @ columns.T
    return RowStatistics(norms.cpu(), basis.cpu(), (overlaps * inverse).cpu())


def transform_for(
    statistics: RowStatistics, blend: Blend, weight: float, mode: RowNormalization
) -> OutputTransform:
    """Return the vectors that remove `weight` times a blend of the directions.

    none: y = z − λ v (v·z); pre: y = z − λ ρ∘v ((v/ρ)·z); full: as pre, then each row back
    to its norm, n'² = 1 − 2 λ v m + λ² v² q with q = v·m. Zero rows stay zero.

    Raises:
        DegenerateDirectionError: the blend cancels out.
    """
    direction = blended(statistics.basis, blend)
    length = direction.norm()
    if length == 0:
        raise DegenerateDirectionError([blend.lower])
    v = direction / length
    ones = torch.ones_like(v)
    if mode == "none":
        return OutputTransform(ones, v, weight * v)
    read, write = v * _inverse(statistics.norms), weight * statistics.norms * v
    if mode == "pre":
        return OutputTransform(ones, read, write)
    overlap = blended(statistics.overlaps, blend) / length
    squares = 1 - 2 * weight * v * overlap + (weight * v).square() * (v @ overlap)
    scale = 1 / squares.clamp(min=FLOOR**2).sqrt()
    return OutputTransform(scale, read, scale * write)


def bake(
    weight: Float[Tensor, "d_out d_in"], transform: OutputTransform
) -> Float[Tensor, "d_out d_in"]:
    """Return diag(scale) W − write (readᵀ W), computed in float64, in the dtype of `weight`."""
    scale, read, write = (vector.to(weight.device) for vector in transform)
    original = weight.double()
    baked = original * scale.unsqueeze(1) - write.outer(read @ original)
    return baked.to(weight.dtype)


class RowOwners:
    """Which of the applied transforms each row of the next forward passes gets.

    One object serves all switches of a model. Until somebody assigns rows, all get the first.
    """

    def __init__(self) -> None:
        self._owners: Int[Tensor, " row"] | None = None
        self._masks: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}
        self._all: Float[Tensor, "most_rows capacity"] | None = None

    def hold(self, like: Float[Tensor, "capacity 3 d_out"]) -> None:
        """Keep the owners of as many rows as there may be in one tensor, for compiled steps."""
        self._all = torch.zeros(MOST_ROWS, len(like), dtype=like.dtype, device=like.device)
        self.assign(self._owners)

    def assign(self, owners: Int[Tensor, " row"] | None) -> None:
        """Set the owner of every row; None: all rows get the first transform."""
        self._owners = owners
        self._masks.clear()
        if self._all is not None:
            n_rows = 0 if owners is None else len(owners)
            if owners is not None:
                self._all[:n_rows] = _one_hot(owners, self._all[0])
            self._all[n_rows:, 0], self._all[n_rows:, 1:] = 1, 0

    def mask(self, like: Float[Tensor, "k d_out"], n_rows: int) -> Float[Tensor, "row k"]:
        """A one in the column of each row's owner, on the device of `like`.

        Raises:
            ValueError: the rows are others than those that were assigned.
        """
        if self._all is not None and is_traced():
            return self._all[:n_rows]
        if self._owners is None:
            return _one_hot(torch.zeros(n_rows, dtype=torch.long), like)
        if len(self._owners) != n_rows:
            raise ValueError(f"{n_rows} rows run, {len(self._owners)} have an owner")
        key = (len(like), like.device, like.dtype)
        if key not in self._masks:
            self._masks[key] = _one_hot(self._owners, like)
        return self._masks[key]


class OutputAblation:
    """Applies transforms to the output of one Linear of a live model, before its bias.

    The vectors are one buffer of shape (k, 3, d_out) that is overwritten in place; with several
    transforms at once, `owners` says which of them each row of the batch gets. Compiled steps
    compute with the whole buffer, of which the transforms may be a part: so they fit any number.
    """

    def __init__(
        self, module: nn.Linear, owners: RowOwners | None = None, *, capacity: int = 1
    ) -> None:
        """`capacity`: how many transforms the buffer has room for; it grows where that is less."""
        self._module = module
        self._owners = owners or RowOwners()
        self._slot = slot_of(module)
        self._had = vars(module).get(self._slot)  # set by accelerate where it spreads a model
        self._all = self._buffer(capacity)
        self.vectors = self._all[:1]

    def switch_to(self, *transforms: OutputTransform | None) -> None:
        """Ablate with these transforms from the next forward pass on; None changes nothing."""
        if len(transforms) > len(self._all):
            self._all = self._buffer(len(transforms))
        if len(transforms) != len(self.vectors):
            self.vectors = self._all[: len(transforms)]
        for vectors, transform in zip(self.vectors, transforms, strict=True):
            if transform is None:
                vectors.zero_()
                vectors[0] = 1
            else:
                vectors.copy_(torch.stack(tuple(transform)))
        setattr(self._module, self._slot, self._forward)
        finish_with(self._module, self._finish)

    def switch_off(self) -> None:
        """Give the module its own forward back, bit for bit."""
        finish_with(self._module, None)
        if self._had is not None:
            setattr(self._module, self._slot, self._had)
        else:
            vars(self._module).pop(self._slot, None)

    def _buffer(self, k: int) -> Float[Tensor, "k 3 d_out"]:
        weight = self._module.weight
        dtype = torch.promote_types(weight.dtype, torch.float32)
        return torch.zeros(k, 3, self._module.out_features, dtype=dtype, device=weight.device)

    def _forward(self, inputs: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        return self._finish(product(self._module, inputs))

    def _finish(self, outputs: Float[Tensor, "*batch d_out"]) -> Float[Tensor, "*batch d_out"]:
        # The product read·z is taken of the output as the model rounds it: with few digits and a
        # tiny row the two cancel only if they saw the same numbers. So does adding the bias last.
        vectors = self._all if is_traced() else self.vectors
        rows = outputs.to(vectors.dtype)
        by = self._by_one if len(vectors) == 1 else self._by_owner
        ablated = by(rows, vectors).to(outputs.dtype)
        bias: Tensor | None = self._module.bias
        return ablated if bias is None else ablated.add_(bias)

    @property
    def capacity(self) -> Float[Tensor, "capacity 3 d_out"]:
        """The whole buffer."""
        return self._all

    def _by_one(
        self, rows: Float[Tensor, "*batch d_out"], vectors: Float[Tensor, "1 3 d_out"]
    ) -> Float[Tensor, "*batch d_out"]:
        scale, read, write = vectors[0]
        along = (rows @ read).unsqueeze(-1)
        return rows.mul_(scale).addcmul_(along, write, value=-1)

    def _by_owner(
        self, rows: Float[Tensor, "*batch d_out"], vectors: Float[Tensor, "k 3 d_out"]
    ) -> Float[Tensor, "*batch d_out"]:
        """All transforms at once: products with the few others are made and masked out.

        That is cheaper than picking vectors row by row, and takes no block structure.
        """
        scale, read, write = vectors.unbind(1)
        mask = self._owners.mask(scale, len(rows))
        mask = mask.view(len(mask), *[1] * (rows.dim() - 2), len(scale))
        along = (rows @ read.T).mul_(mask)
        rows.mul_(mask @ scale)  # exact: one factor is 1, the others are 0
        flat = rows.view(-1, rows.shape[-1])
        flat.addmm_(along.view(-1, len(scale)), write, alpha=-1)
        return rows


def _one_hot(
    owners: Int[Tensor, " row"], like: Float[Tensor, "k d_out"]
) -> Float[Tensor, "row k"]:
    columns = torch.arange(len(like), device=like.device)
    return (owners.to(like.device).unsqueeze(1) == columns).to(like.dtype)


def _inverse(norms: Vector) -> Vector:
    return torch.where(norms == 0, 0, 1 / torch.where(norms == 0, 1, norms))
