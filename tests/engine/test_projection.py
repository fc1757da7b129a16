"""Projections and their animation; PaCMAP itself, not compiled, on a few points."""

import io

import numpy as np
import pytest
from PIL import Image

from studies.engine.geometry import animation
from studies.engine.geometry.animation import MOST_BETWEEN, MOST_FRAMES, animated, frames_between
from studies.engine.geometry.projection import LEAST_PROMPTS, _onto, projections
from studies.engine.ports import Silent, Stopped

SILENT = {"reporter": Silent(), "stop": Silent()}


def sets(n_layers=3):
    """Two sets of points that move apart; at index 0 all are the same."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(2 * LEAST_PROMPTS // 2, 1, 6))
    rows = np.repeat(base, n_layers, axis=1) + 0.05 * rng.normal(size=(len(base), n_layers, 6))
    half = len(rows) // 2
    rows[half:] += 8
    rows[:, 0] = 1.25
    return rows[:half].astype(np.float32), rows[half:].astype(np.float32)


@pytest.fixture(scope="module")
def projected():
    return projections(*sets(), seed=3, **SILENT)


def test_every_layer_is_centred_and_of_one_size_and_one_without_spread_is_a_point(projected):
    assert projected.shape == (3, LEAST_PROMPTS, 2)
    assert not projected[0].any()
    np.testing.assert_allclose(projected[1:].mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose((projected[1:] ** 2).sum(-1).mean(-1), 1, rtol=1e-4)


def test_sets_that_lie_apart_are_drawn_apart(projected):
    half = LEAST_PROMPTS // 2
    good, bad = projected[2, :half], projected[2, half:]
    apart = np.linalg.norm(good.mean(0) - bad.mean(0))
    spread = max(np.linalg.norm(s - s.mean(0), axis=1).max() for s in (good, bad))
    assert apart > spread


def test_the_same_seed_draws_the_same_picture(projected):
    np.testing.assert_array_equal(projections(*sets(), seed=3, **SILENT), projected)


def test_a_layer_is_turned_onto_the_one_before(projected):
    before = projected[1]
    angle = 2.1
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirrored = turn @ np.diag([1, -1])
    for change in (turn, mirrored):
        np.testing.assert_allclose(_onto(40 * before @ change + 9, before), before, atol=1e-4)


def test_it_stops_between_two_layers():
    class Stop:
        def check(self):
            raise Stopped

    with pytest.raises(Stopped):
        projections(*sets(), seed=3, reporter=Silent(), stop=Stop())
    with pytest.raises(Stopped):
        animated(np.zeros((2, 8, 2)), 4, reporter=Silent(), stop=Stop())


def test_the_animation_goes_through_all_layers_and_shows_both_sets(monkeypatch):
    monkeypatch.setattr(animation, "MOST_BETWEEN", 1)
    points = np.zeros((3, 8, 2))
    points[1] = np.linspace(-1, 1, 8)[:, None]
    points[2] = -points[1]

    gif = Image.open(io.BytesIO(animated(points, 4, **SILENT)))

    assert (gif.format, gif.size, gif.info["loop"]) == ("GIF", animation.SIZE, 0)
    assert gif.n_frames == 5
    pauses, inks = [], []
    for frame in range(gif.n_frames):
        gif.seek(frame)
        pauses.append(gif.info["duration"])
        inks.append({colour for _, colour in gif.convert("RGB").getcolors()})
    assert pauses == [
        animation.HOLD,
        animation.STEP,
        animation.HOLD,
        animation.STEP,
        animation.HOLD,
    ]
    assert all({animation.GOOD, animation.BAD} <= ink for ink in inks)


@pytest.mark.parametrize("n_layers", [1, 2, 9, 33, 81, 127, 400])
def test_the_number_of_frames_is_bounded(n_layers):
    between = frames_between(n_layers)
    assert 0 <= between <= MOST_BETWEEN
    assert n_layers + between * (n_layers - 1) <= max(MOST_FRAMES, n_layers)
    assert n_layers > 100 or n_layers == 1 or between >= 1
