"""The update of one matrix against its objective, written out and differentiated by torch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.engine.steering import RIDGE, Inputs, Weights, best_update, reduced

torch.set_num_threads(1)  # tiny tensors
CPU = torch.device("cpu")
D_OUT, D_IN = 6, 10


def problem(seed=0, *, n_good=30, n_bad=20, d_in=D_IN):
    """A matrix, and good and bad inputs around two different means."""
    torch.manual_seed(seed)
    weight = torch.randn(D_OUT, d_in, dtype=torch.float64)
    good, bad = torch.randn(n_good, d_in), torch.randn(n_bad, d_in)
    shift = torch.randn(d_in)
    return weight, good, bad + 2 * shift


def targets_of(weight, good, bad, count):
    good_outputs, bad_outputs = good.double() @ weight.T, bad.double() @ weight.T
    rows = []
    for output in bad_outputs:
        order = (good_outputs - output).norm(dim=1).argsort()[:count]
        rows.append(good_outputs[order].mean(dim=0))
    return torch.stack(rows)


def objective(change, weight, good, bad, weights):
    """REFERENCE: J, term by term."""
    good, bad = good.double(), bad.double()
    outputs = good @ weight.T
    variance = (outputs - outputs.mean(dim=0)).square().sum(dim=1).mean()
    targets = targets_of(weight, good, bad, weights.neighbor_count)
    way = (targets - bad @ weight.T).square().sum(dim=1)
    moved = (bad @ change.T).square().sum(dim=1)
    kept = (good @ change.T).square().sum(dim=1).mean()
    steered = (bad @ (weight + change).T - targets).square().sum(dim=1)
    pushed = weights.overcorrect * way / (1 + moved / way)
    power = (good.square().mean() + bad.square().mean()) / 2
    return (
        weights.preserve_good * kept
        + weights.steer_bad * (steered + pushed).mean()
        + RIDGE * power * change.square().sum()
    ) / variance


def gradient_at(change, *given):
    change = change.clone().requires_grad_(True)
    with torch.enable_grad():
        objective(change, *given).backward()
    return change.grad


WEIGHTS = [
    Weights(1.0, 1.0, 0.0, 3),
    Weights(0.1, 0.5, 1.0, 1),
    Weights(1.0, 0.01, 2.5, 15),
    Weights(0.5, 10.0, 20.0, 5),
    Weights(1.0, 6e-8, 13.0, 1),  # a change so small that it must be found in its own units
]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_change_is_where_the_objective_is_flat(weights, seed):
    weight, good, bad = problem(seed)

    found = best_update(weight, reduced(good, bad), weights).full()

    given = (weight, good, bad, weights)
    start = gradient_at(torch.full_like(found, 1e-12), *given).norm()
    tolerance = 1e-5 if weights.overcorrect == 0 else 1e-3  # float32 inputs; steps of L-BFGS
    assert gradient_at(found, *given).norm() < tolerance * start
    assert objective(found, *given) < objective(torch.zeros_like(found), *given)


@settings(max_examples=20)
@given(
    st.integers(0, 10_000),
    st.floats(0.001, 1000),
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.integers(1, 100),
)
def test_no_weights_make_it_worse_than_no_change_or_not_finite(seed, keep, steer, push, count):
    weight, good, bad = problem(seed)
    weights = Weights(keep, steer, push, count)

    change = best_update(weight, reduced(good, bad), weights)

    found = torch.zeros_like(weight) if change is None else change.full()
    given = (weight, good, bad, weights)
    assert found.isfinite().all()
    assert objective(found, *given) <= objective(torch.zeros_like(found), *given) * (1 + 1e-9)
    way = targets_of(weight, good, bad, count) - bad.double() @ weight.T
    limit = 5 * (2 + push) * way.norm()  # far, but bounded by the weights
    assert (bad.double() @ found.T).norm() <= limit


def test_fewer_prompts_than_inputs_give_the_same_change_in_fewer_coordinates():
    weight, good, bad = problem(n_good=5, n_bad=4, d_in=40)
    weights = Weights(0.7, 0.5, 1.5, 2)
    inputs = reduced(good, bad)

    change = best_update(weight, inputs, weights)

    assert change.left.shape == (D_OUT, 9)
    whole = best_update(weight, Inputs(good, bad, None), weights).full()
    torch.testing.assert_close(change.full(), whole, rtol=1e-4, atol=1e-5)
    assert torch.linalg.matrix_rank(change.full()) <= 6


def test_inputs_are_given_back_by_their_coordinates():
    _, good, bad = problem(n_good=5, n_bad=4, d_in=40)
    inputs = reduced(good, bad).to(CPU)

    torch.testing.assert_close(inputs.good @ inputs.basis.T, good.double(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(inputs.bad @ inputs.basis.T, bad.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("weights", WEIGHTS[:3], ids=str)
def test_weights_mean_the_same_whatever_the_scale_of_a_matrix_and_its_inputs(weights):
    weight, good, bad = problem()
    once = best_update(weight, reduced(good, bad), weights).full()

    larger = best_update(100 * weight, reduced(good, bad), weights).full()
    louder = best_update(weight, reduced(64 * good, 64 * bad), weights).full()

    torch.testing.assert_close(larger, 100 * once, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(louder, once, rtol=1e-3, atol=1e-5)


def test_steering_reaches_the_neighbours_and_preserving_keeps_the_good():
    weight, good, bad = problem()

    def outputs(weights):
        change = best_update(weight, reduced(good, bad), weights).full()
        targets = targets_of(weight, good, bad, weights.neighbor_count)
        steered = (bad.double() @ (weight + change).T - targets).norm()
        kept = (good.double() @ change.T).norm()
        return steered / (bad.double() @ weight.T - targets).norm(), kept

    steering, loose = outputs(Weights(0.001, 100.0, 0.0, 3))
    keeping, tight = outputs(Weights(100.0, 0.1, 0.0, 3))
    assert steering < 0.4 < 0.9 < keeping
    assert tight < 0.05 * loose


def test_overcorrection_goes_beyond_but_not_without_end():
    """One bad prompt that nothing else holds: its way in units of the way to its target."""
    weight, good, bad = problem(n_good=3, n_bad=1, d_in=40)
    way = (targets_of(weight, good, bad, 1) - bad.double() @ weight.T).norm()

    def reach(push):
        change = best_update(weight, reduced(good, bad), Weights(0.001, 1000.0, push, 1)).full()
        return float((bad.double() @ change.T).norm() / way)

    reaches = [reach(push) for push in (0, 0.5, 1, 5, 100)]
    assert reaches[0] == pytest.approx(1, abs=1e-3)
    assert reaches == sorted(reaches)
    assert reaches[2] == pytest.approx(1.2, abs=0.05)  # s − 1 = s/(1 + s²)²
    assert reaches[-1] < 4


@pytest.mark.parametrize(
    ("weights", "same"),
    [(Weights(1.0, 0.0, 1.0, 3), False), (Weights(1.0, 1.0, 1.0, 1), True)],
    ids=["nothing steers", "bad prompts are good ones"],
)
def test_where_nothing_has_to_change_there_is_no_change(weights, same):
    weight, good, bad = problem()
    assert best_update(weight, reduced(good, good[:4] if same else bad), weights) is None


def test_a_matrix_without_output_has_no_change():
    _, good, bad = problem()
    assert best_update(torch.zeros(D_OUT, D_IN), reduced(good, bad), WEIGHTS[0]) is None


def test_a_single_good_prompt_is_enough():
    weight, good, bad = problem(n_good=1, n_bad=1)
    assert best_update(weight, reduced(good, bad), Weights(1.0, 1.0, 1.0, 9)).full().any()
