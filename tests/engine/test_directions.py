import pytest
import torch

from studies.engine.directions import (
    blend_at,
    direction_at,
    orthogonalised,
    residual_directions,
)
from studies.engine.errors import DegenerateDirectionError


@pytest.fixture
def means():
    torch.manual_seed(0)
    return torch.randn(5, 8).double(), torch.randn(5, 8).double()


def test_directions_point_from_good_to_bad_at_length_one(means):
    good, bad = means
    directions = residual_directions(good, bad)
    assert directions.dtype == torch.float64
    for index in range(5):
        wanted = (bad[index] - good[index]) / (bad[index] - good[index]).norm()
        torch.testing.assert_close(directions[index], wanted)


def test_a_small_difference_of_large_means_keeps_its_digits():
    good = torch.full((2, 4), 1000.0, dtype=torch.float64)
    bad = good + torch.tensor([3.0, 0.0, 4.0, 0.0]) * 1e-2
    wanted = torch.tensor([0.6, 0.0, 0.8, 0.0], dtype=torch.float64)
    torch.testing.assert_close(residual_directions(good, bad)[1], wanted, atol=1e-9, rtol=0)


def test_equal_means_are_refused_with_their_layer_index(means):
    good, bad = means
    bad[3] = good[3] * (1 + 1e-12)
    with pytest.raises(DegenerateDirectionError) as refused:
        residual_directions(good, bad)
    assert refused.value.layer_indices == [3]


def test_the_embedding_of_a_common_last_token_is_no_error(means):
    good, bad = means
    bad[0] = good[0]
    directions = residual_directions(good, bad)
    assert directions[0].eq(0).all()
    assert orthogonalised(directions, good)[0].eq(0).all()


def test_orthogonalised_directions_have_nothing_along_the_good_mean(means):
    good, bad = means
    directions = orthogonalised(residual_directions(good, bad), good)
    torch.testing.assert_close((directions * good).sum(-1), torch.zeros(5).double())
    torch.testing.assert_close(directions.norm(dim=-1), torch.ones(5).double())


def test_a_direction_along_the_good_mean_cannot_be_orthogonalised(means):
    good, _ = means
    with pytest.raises(DegenerateDirectionError) as refused:
        orthogonalised(residual_directions(good, 2 * good), good)
    assert refused.value.layer_indices == [1, 2, 3, 4]


def test_a_fractional_layer_is_the_normalised_lerp_of_its_neighbours(means):
    directions = residual_directions(*means)
    wanted = 0.7 * directions[2] + 0.3 * directions[3]  # layer l lies at index l + 1
    torch.testing.assert_close(direction_at(directions, 1.3), wanted / wanted.norm())


def test_whole_layers_take_their_own_direction_up_to_the_last(means):
    directions = residual_directions(*means)
    for layer in range(4):
        assert blend_at(layer) == (layer + 1, 0)
        torch.testing.assert_close(direction_at(directions, layer), directions[layer + 1])


def test_opposite_neighbours_have_no_direction_between_them(means):
    directions = residual_directions(*means)
    directions[3] = -directions[2]
    with pytest.raises(DegenerateDirectionError):
        direction_at(directions, 1.5)
