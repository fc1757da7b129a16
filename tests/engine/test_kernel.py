import pytest

from studies.engine.kernel import kernel_weight, layer_weights


@pytest.mark.parametrize(
    ("layer_index", "weight"),
    [
        (0, 0.0),  # beyond the distance
        (2, 0.2),  # at the distance: the least weight
        (4, 0.6),  # half way down
        (6, 1.0),  # the peak
        (8, 0.6),  # the same on the other side
        (10, 0.2),
        (11, 0.0),
    ],
)
def test_the_kernel_is_a_tent(layer_index, weight):
    found = kernel_weight(layer_index, position=6, distance=4, max_weight=1.0, min_weight=0.2)
    assert found == pytest.approx(weight)


@pytest.mark.parametrize(
    ("parameters", "weights"),
    [
        # (max_weight, position, min_weight_relative, distance), of 5 layers
        ((1.0, 1.0, 0.0, 0.5), [0, 0, 0, 0.5, 1]),
        ((2.0, 0.5, 0.5, 0.5), [1, 1.5, 2, 1.5, 1]),  # the least weight is relative to the most
        ((1.0, 0.5, 0.25, 0.0), [0, 0.25, 1, 0.25, 0]),  # no narrower than one layer
        ((1.0, 0.375, 0.0, 0.25), [0, 0.5, 0.5, 0, 0]),  # a peak between two layers
        ((-0.2, 0.5, 1.0, 1.0), [0, 0, 0, 0, 0]),  # negative: the component is left alone
    ],
)
def test_fractions_are_of_the_last_layer_index(parameters, weights):
    max_weight, position, relative, distance = parameters
    found = layer_weights(
        5,
        max_weight=max_weight,
        position_fraction=position,
        min_weight_relative=relative,
        distance_fraction=distance,
    )
    assert found == pytest.approx(weights)


def test_a_single_layer_has_the_full_weight():
    found = layer_weights(
        1, max_weight=1.2, position_fraction=0.7, min_weight_relative=0, distance_fraction=0.3
    )
    assert found == [1.2]
