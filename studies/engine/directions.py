"""From mean residuals to the directions that are removed."""

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, where

from studies.engine.errors import DegenerateDirectionError

Rows = Float[Tensor, "index d_model"]

# Relative size under which a difference is rounding of the forward pass, not a direction.
NEGLIGIBLE = 1e-6


class Blend(NamedTuple):
    """Two neighbouring rows, mixed: (1 - share) of `lower` and `share` of the next."""

    lower: int
    share: float  # 0 to 1; the next row is not read where it is 0


def blend_at(layer_position: float) -> Blend:
    """Return the mix of layer indices for a fractional layer: layer l lies at index l + 1."""
    index = layer_position + 1
    lower = math.floor(index)
    return Blend(lower, index - lower)


def blended(rows: Rows, blend: Blend) -> Float[Tensor, " d_model"]:
    """Return the mixed row, not normalised."""
    lower: Tensor = rows[blend.lower]
    if blend.share == 0:
        return lower
    return lower + blend.share * (rows[blend.lower + 1] - lower)


def residual_directions(good: Rows, bad: Rows) -> Rows:
    """Return unit vectors from the good to the bad mean residual, in float64.

    Index 0 is the embedding output, index l + 1 the output of layer l, so arguments and result
    have shape (L + 1, d_model). Float64, because the difference of two close means loses digits.
    Index 0 may be zero: a chat template ends every prompt with the same token.

    Source: difference in means, Arditi et al. 2024, arXiv:2406.11717.

    Raises:
        DegenerateDirectionError: the means of a layer coincide; names the layer indices.
    """
    good, bad = good.double(), bad.double()
    return _normalised_rows(bad - good, scale=good.norm(dim=-1).maximum(bad.norm(dim=-1)))


def orthogonalised(directions: Rows, good: Rows) -> Rows:
    """Return unit vectors: the directions without their part along the good mean.

    Removing a direction then keeps how far a residual reaches along the harmless mean.

    Raises:
        DegenerateDirectionError: a direction is parallel to the good mean.
    """
    good = good.double()
    norms = good.norm(dim=-1, keepdim=True)
    axis = good / where(norms == 0, 1, norms)
    rest = directions - (directions * axis).sum(dim=-1, keepdim=True) * axis
    return _normalised_rows(rest, scale=directions.norm(dim=-1))


def direction_at(directions: Rows, layer_position: float) -> Float[Tensor, " d_model"]:
    """Return the unit direction at a fractional layer, between its two neighbours.

    Raises:
        DegenerateDirectionError: the neighbours are opposite and cancel out.
    """
    blend = blend_at(layer_position)
    direction = blended(directions, blend)
    norm = direction.norm()
    if norm <= NEGLIGIBLE:
        raise DegenerateDirectionError([blend.lower, blend.lower + 1])
    unit: Tensor = direction / norm
    return unit


def _normalised_rows(rows: Rows, *, scale: Float[Tensor, " index"]) -> Rows:
    norms = rows.norm(dim=-1)
    flat = norms <= NEGLIGIBLE * scale
    if layers := flat[1:].nonzero().flatten().tolist():
        raise DegenerateDirectionError([layer + 1 for layer in layers])
    unit: Rows = where(flat.unsqueeze(-1), 0, rows / where(flat, 1, norms).unsqueeze(-1))
    return unit
