"""Fronts and the volume that they cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna._hypervolume import compute_hypervolume

from studies.engine.pareto import dominates, front_of, hypervolume

units = st.floats(0, 1).map(lambda x: round(x, 3))


@given(st.lists(st.tuples(units, units), max_size=12))
def test_the_front_is_what_no_other_one_beats(values):
    directions = ["minimize", "maximize"]

    assert front_of(values, directions) == {
        index
        for index, mine in enumerate(values)
        if not any(dominates(other, mine, directions) for other in values)
    }


@given(
    st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[units] * n), min_size=1, max_size=9))
)
def test_the_volume_is_the_search_librarys(points):
    n = len(points[0])
    expected = compute_hypervolume(np.array(points), np.ones(n))

    assert hypervolume(points, [1.0] * n, ["minimize"] * n) == pytest.approx(expected)


def test_a_maximised_objective_counts_upwards():
    assert hypervolume([(0.2, 0.9)], (1.0, 0.0), ["minimize", "maximize"]) == pytest.approx(0.72)


@pytest.mark.parametrize("points", [[], [(1.0, 0.5)], [(2.0, 0.1)]])
def test_what_is_not_better_than_the_reference_adds_nothing(points):
    assert hypervolume(points, (1.0, 1.0), ["minimize", "minimize"]) == 0.0
