import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.recommendation import recommended

BOTH_DOWN = ["minimize", "minimize"]


def test_the_knee_of_a_bent_front_is_recommended():
    front = {1: (0.0, 2.0), 2: (0.02, 0.05), 3: (0.6, 0.0001)}

    assert recommended(front, BOTH_DOWN) == 2


def test_a_front_that_bends_outwards_still_gives_a_compromise():
    front = {1: (0.0, 1.0), 2: (0.6, 0.6), 3: (1.0, 0.0)}

    assert recommended(front, BOTH_DOWN) == 2


def test_with_one_objective_it_is_the_best():
    assert recommended({4: (0.3,), 7: (0.1,)}, ["minimize"]) == 7
    assert recommended({4: (0.3,), 7: (0.1,)}, ["maximize"]) == 4


def test_maximised_objectives_count_the_other_way():
    front = {1: (0.0, 0.0), 2: (0.1, 0.95), 3: (1.0, 1.0)}

    assert recommended(front, ["minimize", "maximize"]) == 2


def test_three_objectives_are_weighed_alike():
    front = {1: (0, 1, 1), 2: (1, 0, 1), 3: (1, 1, 0), 4: (0.2, 0.2, 0.2)}

    assert recommended(front, ["minimize"] * 3) == 4


def test_of_two_ends_the_first_objective_decides_and_of_equals_the_lower_number():
    assert recommended({5: (1.0, 0.0), 6: (0.0, 1.0)}, BOTH_DOWN) == 6
    assert recommended({9: (0.5, 0.5), 8: (0.5, 0.5)}, BOTH_DOWN) == 8


def test_an_empty_front_recommends_nothing():
    assert recommended({}, BOTH_DOWN) is None


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.integers(0, 99), st.tuples(finite, finite), min_size=1))
def test_whatever_the_numbers_one_of_the_front_is_recommended(front):
    assert recommended(front, ["minimize", "maximize"]) in front


@pytest.mark.parametrize(("scale", "shift"), [(1000.0, 0.0), (1.0, 5.0), (0.001, -3.0)])
def test_the_unit_of_an_objective_makes_no_difference(scale, shift):
    front = {1: (0.0, 1.0), 2: (0.25, 0.25), 3: (1.0, 0.0)}
    other = {number: (a, b * scale + shift) for number, (a, b) in front.items()}

    assert recommended(other, BOTH_DOWN) == recommended(front, BOTH_DOWN)
