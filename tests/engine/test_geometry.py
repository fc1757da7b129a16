"""The numbers of residual geometry, beside their definitions."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import ortho_group

from studies.engine.errors import NonFiniteError, PromptSetError
from studies.engine.geometry.layers import cosine, layer_line
from studies.engine.geometry.measuring import MOST_BYTES, MOST_PROMPTS, most_prompts
from studies.engine.geometry.medians import geometric_median
from studies.engine.geometry.separation import held_out_scores, separation, silhouette
from studies.engine.geometry_columns import COLUMNS
from studies.engine.ports import Silent
from studies.engine.prompts import tokenize
from studies.engine.residuals import (
    evenly_spaced,
    last_residuals,
    prompt_residuals,
    residual_means,
)
from tests.engine.tiny import tiny_model

TEXTS = ["Hi.", "What is the tallest tree?", "a", "Tell me a story of two cities.", "Go."]


def cloud(n, d=5, *, at=0.0, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + at


def total_distance(points, point):
    return np.linalg.norm(points - point, axis=1).sum()


# The geometric median


@pytest.mark.parametrize("seed", range(4))
def test_no_point_has_a_smaller_sum_of_distances_than_the_median(seed):
    points = cloud(9, 3, seed=seed) ** 3
    found = geometric_median(points)
    best = minimize(lambda p: total_distance(points, p), points.mean(0), tol=1e-12)
    assert total_distance(points, found) <= best.fun * (1 + 1e-9)


def test_known_medians():
    line = np.array([[0.0, 0], [1, 0], [10, 0]])
    np.testing.assert_allclose(geometric_median(line), [1, 0], atol=1e-5)
    square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    np.testing.assert_allclose(geometric_median(square), [1, 1], atol=1e-9)
    np.testing.assert_array_equal(geometric_median(np.full((4, 3), 7.0)), [7, 7, 7])
    np.testing.assert_array_equal(geometric_median(np.array([[3.0, 4]])), [3, 4])


def test_a_median_that_is_one_of_the_points_is_found_and_one_that_is_not_is_left():
    # Most of all points lie at the origin: no other place can be better.
    heavy = np.concatenate([np.zeros((8, 2)), cloud(6, 2, at=3)])
    np.testing.assert_allclose(geometric_median(heavy), [0, 0], atol=1e-6)
    # The mean, where it begins, is a point and the median, though the others pull at it.
    held = np.array([[0.0, 0], [0, 0], [0, 0], [-1, 0], [-1, 0], [2, 0]])
    np.testing.assert_array_equal(geometric_median(held), [0, 0])
    # The mean, where it begins, is a point, and not the median.
    start = np.array([[0.0, 0], [-1, 0], [-1, 0.5], [-1, -0.5], [3, 0]])
    assert np.allclose(start.mean(0), 0)
    found = geometric_median(start)
    best = minimize(lambda p: total_distance(start, p), [-0.5, 0.1], method="Nelder-Mead")
    assert total_distance(start, found) <= best.fun + 1e-6
    assert found[0] < -0.5


def test_the_median_turns_and_moves_with_the_points_and_resists_a_far_one():
    points, turn = cloud(11), ortho_group.rvs(5, random_state=1)
    moved = 3 * points @ turn + 4
    np.testing.assert_allclose(
        geometric_median(moved), 3 * geometric_median(points) @ turn + 4, atol=1e-5
    )
    spoiled = points.copy()
    spoiled[0] = 1e6
    assert np.linalg.norm(geometric_median(spoiled) - geometric_median(points)) < 2


# Lines of the table


def test_a_line_has_the_columns_that_are_described():
    line = layer_line(cloud(6), cloud(7, at=1, seed=1))
    assert set(line) == {column.name for column in COLUMNS}
    assert None not in line.values()


def test_cosines_and_norms_are_those_of_means_and_medians():
    good, bad = cloud(6), cloud(7, at=1, seed=1)
    line = layer_line(good.astype(np.float32), bad.astype(np.float32))
    for end, middle in (("", lambda x: x.mean(0)), ("_median", geometric_median)):
        g, b = torch.tensor(middle(good)), torch.tensor(middle(bad))
        similarity = torch.nn.functional.cosine_similarity
        assert line[f"cos_good_bad{end}"] == pytest.approx(float(similarity(g, b, 0)), abs=1e-5)
        r = b - g
        assert line[f"cos_good_direction{end}"] == pytest.approx(
            float(similarity(g, r, 0)), abs=1e-5
        )
        assert line[f"cos_bad_direction{end}"] == pytest.approx(
            float(similarity(b, r, 0)), abs=1e-5
        )
        assert line[f"norm_direction{end}"] == pytest.approx(float(r.norm()), rel=1e-4)
        assert line[f"norm_bad{end}"] == pytest.approx(float(b.norm()), rel=1e-4)
        assert line[f"norm_good{end}"] == pytest.approx(float(g.norm()), rel=1e-4)


def test_turning_changes_nothing_and_scaling_only_the_norms():
    good, bad = cloud(12), cloud(13, at=0.5, seed=1)
    line = layer_line(good, bad)
    turn = ortho_group.rvs(5, random_state=2)
    turned = layer_line(good @ turn, bad @ turn)
    scaled = layer_line(10 * good, 10 * bad)
    for column in COLUMNS:
        value = line[column.name]
        assert turned[column.name] == pytest.approx(value, rel=1e-4, abs=1e-5), column
        factor = 10 if column.group == "norm" else 1
        assert scaled[column.name] == pytest.approx(factor * value, rel=1e-4, abs=1e-5), column


def test_residuals_that_are_all_the_same_have_no_direction_and_no_separation():
    same = np.full((5, 3), 1.5)
    line = layer_line(same, same[:4])
    absent = {name for name, value in line.items() if value is None}
    assert absent == {
        *("cos_good_direction", "cos_good_direction_median"),
        *("cos_bad_direction", "cos_bad_direction_median"),
        *("silhouette", "auc", "d_prime"),
    }
    assert line["cos_good_bad"] == pytest.approx(1)
    assert line["norm_direction"] == 0


def test_a_zero_vector_has_no_cosine():
    assert cosine(np.zeros(3), np.ones(3)) is None


# Separation


def test_the_silhouette_is_the_mean_over_all_prompts_of_their_own():
    good, bad = cloud(4), cloud(5, at=1, seed=1)
    values = []
    for own, other in ((good, bad), (bad, good)):
        for point in own:
            a = np.linalg.norm(own - point, axis=1).sum() / (len(own) - 1)
            b = np.linalg.norm(other - point, axis=1).mean()
            values.append((b - a) / max(a, b))
    assert silhouette(good, bad) == pytest.approx(np.mean(values))
    assert silhouette(cloud(1), cloud(1, seed=1)) is None


def test_auc_and_d_prime_are_those_of_the_held_out_scores():
    good, bad = cloud(11), cloud(9, at=0.4, seed=1)
    of_good, of_bad = held_out_scores(good, bad)
    pairs = [(b > g) + (b == g) / 2 for b in of_bad for g in of_good]
    found = separation(good, bad)
    assert found.auc == pytest.approx(np.mean(pairs))
    pooled = np.sqrt((of_good.var(ddof=1) + of_bad.var(ddof=1)) / 2)
    assert found.d_prime == pytest.approx((of_bad.mean() - of_good.mean()) / pooled)


def test_a_prompt_is_scored_by_a_direction_that_it_took_no_part_in():
    good, bad = cloud(10), cloud(10, at=1, seed=1)
    before = held_out_scores(good, bad)
    changed = good.copy()
    changed[3] += 5
    after = held_out_scores(changed, bad)
    same_fold = [row for row in range(10) if row % 5 == 3 and row != 3]
    np.testing.assert_array_equal(after[0][same_fold], before[0][same_fold])
    assert (after[0][[0, 1, 2]] != before[0][[0, 1, 2]]).all()


def test_sets_that_do_not_differ_are_not_told_apart_even_in_many_dimensions():
    good, bad = cloud(50, 2000), cloud(50, 2000, seed=1)
    direction = bad.mean(0) - good.mean(0)
    assert (good @ direction).max() < (bad @ direction).min()  # in sample: perfectly
    found = separation(good, bad)
    assert abs(found.auc - 0.5) < 0.15
    assert abs(found.d_prime) < 0.5


def test_d_prime_grows_where_auc_can_grow_no_more():
    near, far = (separation(cloud(50), cloud(50, at=at, seed=1)) for at in (4, 8))
    assert near.auc == far.auc == 1
    assert far.d_prime > 1.5 * near.d_prime
    # Along the direction (1, …, 1) the sets lie 4 √5 apart, each with a deviation of 1.
    assert near.d_prime == pytest.approx(4 * np.sqrt(5), rel=0.2)


def test_a_single_prompt_cannot_be_held_out():
    assert separation(cloud(1), cloud(5, seed=1)) == (None, None)


# Residuals of single prompts


def residuals_of(loaded, texts, **options):
    options = {"most": 100, "reporter": Silent(), "stop": Silent(), "phase": "x"} | options
    return prompt_residuals(loaded, tokenize(loaded, texts, 2), **options)


def test_each_prompt_has_its_own_residuals_in_the_order_of_the_set():
    loaded = tiny_model()
    found = residuals_of(loaded, TEXTS)
    assert (found.indices, found.total) == ((0, 1, 2, 3, 4), 5)
    assert found.rows.dtype == np.float32
    for row, text in zip(found.rows, TEXTS, strict=True):
        alone = torch.stack(last_residuals(loaded, tokenize(loaded, [text], 1)[0]))[:, 0]
        np.testing.assert_allclose(row, alone, rtol=1e-4, atol=1e-5)
    means = residual_means(
        loaded, tokenize(loaded, TEXTS, 2), reporter=Silent(), stop=Silent(), phase="x"
    )
    np.testing.assert_allclose(found.rows.mean(0), means.means, rtol=1e-4, atol=1e-5)


def test_a_large_set_is_sampled_evenly():
    loaded = tiny_model()
    whole, part = residuals_of(loaded, TEXTS), residuals_of(loaded, TEXTS, most=2)
    assert (part.indices, part.total) == ((0, 2), 5)
    np.testing.assert_allclose(part.rows, whole.rows[[0, 2]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("total", "most"), [(0, 5), (3, 5), (5, 5), (6, 5), (1000, 7)])
def test_a_sample_has_no_prompt_twice_and_reaches_over_the_whole_set(total, most):
    chosen = evenly_spaced(total, most)
    assert len(chosen) == min(total, most) == len(set(chosen))
    gaps = np.diff([*chosen, total])
    assert not len(gaps) or gaps.max() - gaps.min() <= 1


def test_the_number_of_prompts_is_bounded_by_memory():
    assert most_prompts(32, 4096) == MOST_PROMPTS
    most = most_prompts(200, 32_768)
    assert 1 < most < MOST_PROMPTS
    assert 2 * most * 201 * 32_768 * 4 <= MOST_BYTES


def test_what_is_not_finite_or_not_there_is_refused():
    loaded = tiny_model()
    with pytest.raises(PromptSetError):
        residuals_of(loaded, [])
    loaded.layers[2].mlp.down_proj.weight[0, 0] = torch.inf
    with pytest.raises(NonFiniteError, match="index 3 "):
        residuals_of(loaded, TEXTS)
