from hypothesis import given
from hypothesis import strategies as st

from studies.engine.recommendation import recommended

DOWN, UP = "minimize", "maximize"


def knee(front, *directions, spans=None):
    return recommended(front, directions, spans or [1.0] * len(directions))


def test_the_knee_of_a_bent_front_is_recommended():
    assert knee({1: (0.0, 2.0), 2: (0.02, 0.05), 3: (0.6, 0.0001)}, DOWN, DOWN) == 2


def test_a_front_that_bends_outwards_still_gives_a_compromise():
    assert knee({1: (0.0, 1.0), 2: (0.6, 0.6), 3: (1.0, 0.0)}, DOWN, DOWN) == 2


def test_differences_that_do_not_matter_do_not_outweigh_those_that_do():
    """A front without damage anywhere: the strongest trial is the one to take."""
    assert knee({1: (0.0, 0.0016), 2: (0.62, 0.0004), 3: (0.99, 0.0002)}, DOWN, DOWN) == 1


def test_with_one_objective_it_is_the_best():
    assert knee({4: (0.3,), 7: (0.1,)}, DOWN) == 7
    assert knee({4: (0.3,), 7: (0.1,)}, UP) == 4


def test_maximised_objectives_count_the_other_way():
    assert knee({1: (0.0, 0.0), 2: (0.1, 0.95), 3: (1.0, 1.0)}, DOWN, UP) == 2


def test_three_objectives_are_weighed_alike():
    front = {1: (0, 1, 1), 2: (1, 0, 1), 3: (1, 1, 0), 4: (0.2, 0.2, 0.2)}

    assert knee(front, DOWN, DOWN, DOWN) == 4


def test_the_unit_of_an_objective_is_its_span():
    front = {1: (0.0, 40.0), 2: (0.3, 0.0)}

    assert knee(front, DOWN, DOWN, spans=[1.0, 1.0]) == 2
    assert knee(front, DOWN, DOWN, spans=[1.0, 1000.0]) == 1


def test_of_two_ends_the_first_objective_decides_and_of_equals_the_lower_number():
    assert knee({5: (1.0, 0.0), 6: (0.0, 1.0)}, DOWN, DOWN) == 6
    assert knee({9: (0.5, 0.5), 8: (0.5, 0.5)}, DOWN, DOWN) == 8


def test_an_empty_front_recommends_nothing():
    assert knee({}, DOWN, DOWN) is None


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(st.integers(0, 99), st.tuples(finite, finite), min_size=1))
def test_whatever_the_numbers_one_of_the_front_is_recommended(front):
    assert knee(front, DOWN, UP) in front
