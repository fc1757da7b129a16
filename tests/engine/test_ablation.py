"""The algebra of the transform against plain matrix formulas, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from studies.engine.ablation import FLOOR, OutputAblation, bake, row_statistics, transform_for
from studies.engine.directions import Blend
from studies.engine.errors import DegenerateDirectionError

MODES = ("none", "pre", "full")
WHOLE = Blend(0, 0.0)


@st.composite
def problems(draw):
    """A matrix with rows of very different length, some zero, and two unit directions."""
    torch.manual_seed(draw(st.integers(0, 2**31)))
    rows, columns = draw(st.integers(2, 9)), draw(st.integers(1, 9))
    weight = torch.randn(rows, columns, dtype=torch.float64)
    weight *= 10 ** (torch.rand(rows, 1, dtype=torch.float64) * 4 - 2)
    weight[torch.rand(rows) < draw(st.sampled_from([0, 0.3]))] = 0
    directions = torch.randn(2, rows, dtype=torch.float64)
    return weight, directions / directions.norm(dim=1, keepdim=True)


def matrix_formula(weight, v, strength, mode):
    """REFERENCE: the ablated matrix, written with matrices of full size."""
    if mode == "none":
        return weight - strength * v.outer(v) @ weight
    norms = weight.norm(dim=1, keepdim=True)
    unit = torch.where(norms == 0, 0, weight / norms)
    ablated = unit - strength * v.outer(v) @ unit
    if mode == "full":
        ablated = ablated / ablated.norm(dim=1, keepdim=True).clamp(min=FLOOR)
    return norms * ablated


@settings(max_examples=60)
@given(problems(), st.floats(0, 2), st.sampled_from(MODES))
def test_baked_equals_the_matrix_formula(problem, strength, mode):
    weight, directions = problem
    statistics = row_statistics(weight, directions)
    baked = bake(weight, transform_for(statistics, WHOLE, strength, mode))
    wanted = matrix_formula(weight, directions[0], strength, mode)
    # Where a row almost vanishes, 1/n' magnifies rounding by up to 1/FLOOR.
    torch.testing.assert_close(baked, wanted, rtol=1e-7, atol=1e-7)


@settings(max_examples=40)
@given(problems(), st.floats(0, 2), st.floats(0, 0.99), st.sampled_from(MODES))
def test_a_blend_equals_the_lerped_direction(problem, strength, share, mode):
    weight, directions = problem
    lerped = (1 - share) * directions[0] + share * directions[1]
    lerped = (lerped / lerped.norm()).unsqueeze(0)
    blended = transform_for(row_statistics(weight, directions), Blend(0, share), strength, mode)
    wanted = transform_for(row_statistics(weight, lerped), WHOLE, strength, mode)
    for found, expected in zip(bake(weight, blended), bake(weight, wanted), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@settings(max_examples=40)
@given(problems())
def test_full_weight_leaves_nothing_along_the_direction(problem):
    weight, directions = problem
    baked = bake(weight, transform_for(row_statistics(weight, directions), WHOLE, 1.0, "none"))
    rest = (directions[0] @ baked).abs().max()
    assert rest <= 1e-12 * weight.abs().max() + 1e-300


@settings(max_examples=40)
@given(problems(), st.floats(0, 0.9))
def test_full_keeps_every_row_norm(problem, strength):
    weight, directions = problem  # below weight 1 no row can vanish, so the floor is not reached
    baked = bake(
        weight, transform_for(row_statistics(weight, directions), WHOLE, strength, "full")
    )
    torch.testing.assert_close(baked.norm(dim=1), weight.norm(dim=1), rtol=1e-9, atol=1e-12)


@settings(max_examples=40)
@given(problems(), st.floats(0, 2), st.sampled_from(MODES))
def test_the_output_transform_equals_the_baked_matrix(problem, strength, mode):
    weight, directions = problem
    transform = transform_for(row_statistics(weight, directions), WHOLE, strength, mode)
    module = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    module.requires_grad_(False).weight.copy_(weight)
    inputs = torch.randn(2, 3, weight.shape[1], dtype=torch.float64)
    OutputAblation(module).switch_to(transform)
    wanted = inputs @ bake(weight, transform).T + module.bias
    torch.testing.assert_close(module(inputs), wanted, rtol=1e-9, atol=1e-9 * weight.abs().max())


def test_behind_a_norm_the_gain_times_the_direction_is_removed():
    torch.manual_seed(1)
    weight, gain = torch.randn(6, 5).double(), torch.randn(6).double()
    v = torch.randn(1, 6).double()
    transform = transform_for(row_statistics(weight, v, gain), WHOLE, 1.0, "none")
    outputs = bake(weight, transform) @ torch.randn(5, 20).double()
    behind = gain.unsqueeze(1) * outputs / outputs.square().mean(0).sqrt()
    assert (v @ behind).abs().max() < 1e-12


def test_zero_rows_stay_zero_and_finite():
    weight = torch.randn(4, 3).double()
    weight[1] = 0
    v = torch.nn.functional.normalize(torch.ones(1, 4).double())
    for mode in ("pre", "full"):
        baked = bake(weight, transform_for(row_statistics(weight, v), WHOLE, 1.0, mode))
        assert baked[1].eq(0).all()
        assert baked.isfinite().all()


def test_a_row_that_vanishes_is_not_blown_up():
    weight = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double()
    v = torch.tensor([[1.0, 0.0]]).double()  # the first row is v itself
    transform = transform_for(row_statistics(weight, v), WHOLE, 1.0, "full")
    assert transform.scale[0] == 1 / FLOOR
    torch.testing.assert_close(bake(weight, transform)[0], torch.zeros(2).double())


def test_wide_matrices_are_measured_in_blocks(monkeypatch):
    weight, v = torch.randn(4, 10).double(), torch.randn(3, 4).double()
    whole = row_statistics(weight, v)
    monkeypatch.setattr("studies.engine.ablation.COLUMNS_AT_ONCE", 3)
    torch.testing.assert_close(row_statistics(weight, v).overlaps, whole.overlaps)
    torch.testing.assert_close(row_statistics(weight, v).norms, whole.norms)


def test_statistics_of_few_digits_are_summed_in_many():
    weight = torch.randn(4, 300).bfloat16()
    v = torch.nn.functional.normalize(torch.randn(1, 4).double())
    found, wanted = row_statistics(weight, v), row_statistics(weight.double(), v)
    torch.testing.assert_close(found.norms, wanted.norms, rtol=1e-14, atol=0)
    torch.testing.assert_close(found.overlaps, wanted.overlaps, rtol=1e-12, atol=1e-14)


def test_opposite_neighbours_cannot_be_blended():
    v = torch.nn.functional.normalize(torch.ones(1, 4).double())
    statistics = row_statistics(torch.randn(4, 3), torch.cat([v, -v]))
    with pytest.raises(DegenerateDirectionError):
        transform_for(statistics, Blend(0, 0.5), 1.0, "none")


@pytest.mark.parametrize("mode", ["pre", "full"])
def test_few_digits_tiny_rows_and_a_bias_cost_no_more_than_rounding(mode):
    """With v/ρ huge, the products must see the rounded output, and without the bias."""
    torch.manual_seed(0)
    module = nn.Linear(64, 32, dtype=torch.bfloat16).requires_grad_(False)
    module.weight[5] *= 1e-4
    module.bias.normal_()
    v = torch.nn.functional.normalize(torch.randn(1, 32).double())
    transform = transform_for(row_statistics(module.weight, v), WHOLE, 1.0, mode)
    inputs = torch.randn(200, 64, dtype=torch.bfloat16)
    wanted = inputs.double() @ bake(module.weight.double(), transform).T + module.bias.double()
    OutputAblation(module).switch_to(transform)
    error = module(inputs).double() - wanted
    rounding = wanted.bfloat16().double() - wanted
    # The output is rounded twice, by the matrix and at the end; the vectors add nothing to that.
    assert error.norm() < 2**0.5 * rounding.norm()


def test_switched_off_the_module_is_as_it_was():
    module = nn.Linear(6, 4).requires_grad_(False)
    names = set(vars(module))
    before = module(torch.ones(1, 6))
    switch = OutputAblation(module)
    v = torch.nn.functional.normalize(torch.randn(1, 4))
    switch.switch_to(transform_for(row_statistics(module.weight, v), WHOLE, 1.0, "full"))
    assert not torch.equal(module(torch.ones(1, 6)), before)
    assert list(module.state_dict()) == ["weight", "bias"]
    switch.switch_off()
    switch.switch_off()  # once more does no harm
    assert torch.equal(module(torch.ones(1, 6)), before)
    assert set(vars(module)) == names


def test_a_wrapped_forward_is_kept_around_the_ablation():
    """Accelerate moves inputs in a forward of its own, which calls `_old_forward`."""
    module = nn.Linear(6, 4).requires_grad_(False)
    module._old_forward = module.forward
    module.forward = lambda inputs: module._old_forward(2 * inputs)
    v = torch.nn.functional.normalize(torch.randn(1, 4))
    transform = transform_for(row_statistics(module.weight, v), WHOLE, 1.0, "none")
    before = module(torch.ones(1, 6))
    switch = OutputAblation(module)
    switch.switch_to(transform)
    wanted = 2 * torch.ones(1, 6) @ bake(module.weight, transform).T + module.bias
    torch.testing.assert_close(module(torch.ones(1, 6)), wanted)
    switch.switch_off()
    assert torch.equal(module(torch.ones(1, 6)), before)
