"""How strongly each layer is ablated: a tent over the layers, one per component."""

SHORTEST_DISTANCE = 1.0  # layers: a narrower tent could fall between two layers


def kernel_weight(
    layer_index: int, *, position: float, distance: float, max_weight: float, min_weight: float
) -> float:
    """Return the ablation weight of a layer: `max_weight` at `position`, 0 beyond `distance`.

    Falls linearly to `min_weight` at `distance`. `position` and `distance` are in layers and
    fractional, `distance` is above 0; the weights have no unit.
    """
    offset = abs(layer_index - position)
    if offset > distance:
        return 0.0
    return max_weight + (offset / distance) * (min_weight - max_weight)


def layer_weights(
    n_layers: int,
    *,
    max_weight: float,
    position_fraction: float,
    min_weight_relative: float,
    distance_fraction: float,
) -> list[float]:
    """Return the weight of each layer; fractions are of the last layer's index.

    A negative `max_weight` counts as 0, which leaves the component untouched: so a range
    that reaches below 0 gives "do not touch" a real probability.
    """
    last = n_layers - 1
    peak = max(max_weight, 0.0)
    return [
        kernel_weight(
            layer_index,
            position=position_fraction * last,
            distance=max(distance_fraction * last, SHORTEST_DISTANCE),
            max_weight=peak,
            min_weight=min_weight_relative * peak,
        )
        for layer_index in range(n_layers)
    ]
