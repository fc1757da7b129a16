"""Two-dimensional pictures of each layer, turned so that they can be shown one after another."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numba
import numpy as np
from jaxtyping import Float
from pacmap import PaCMAP
from scipy.linalg import orthogonal_procrustes

from studies.engine.directions import NEGLIGIBLE
from studies.engine.ports import Reporter, StopSignal

Points = Float[np.ndarray, "prompt d_model"]
Flat = Float[np.ndarray, "prompt 2"]

ITERATIONS: Final = (100, 100, 250)  # of PaCMAP's three phases; its own default
LEAST_PROMPTS: Final = 8  # PaCMAP needs a few neighbours and a few far points for each
PHASE: Final = "projecting"

logging.getLogger("pacmap").setLevel(logging.ERROR)  # it warns of the seed in every layer


def projections(
    good: Float[np.ndarray, "good index d_model"],
    bad: Float[np.ndarray, "bad index d_model"],
    *,
    seed: int,
    reporter: Reporter,
    stop: StopSignal,
) -> Float[np.ndarray, "index prompt 2"]:
    """Project each layer index by PaCMAP (Wang et al. 2021), the good prompts before the bad.

    There must be at least `LEAST_PROMPTS` of them.

    A layer begins where the one before ended and is then turned and mirrored onto it
    (orthogonal Procrustes), so what moves in an animation is the layers' difference and not
    the projection's free choice of orientation. Each is centred and scaled to a mean squared
    radius of 1: sizes of different layers cannot be compared. The axes mean nothing. A layer
    whose residuals are all the same is all zeros.

    Raises:
        Stopped: the host asked to stop, between two layers.
    """
    n_layers = good.shape[1]
    found = np.zeros((n_layers, len(good) + len(bad), 2), np.float32)
    before: Flat | None = None
    with _one_thread():
        for index in range(n_layers):
            stop.check()
            reporter.phase(PHASE, done=index, total=n_layers)
            points = np.concatenate([good[:, index], bad[:, index]])
            if _is_one_place(points):
                continue
            found[index] = before = _onto(_projected(points, before, seed), before)
        reporter.phase(PHASE, done=n_layers, total=n_layers)
    return found


def _projected(points: Points, before: Flat | None, seed: int) -> Flat:
    # Scaled, because the library stops short of very small and very large numbers.
    centred = (points - points.mean(axis=0)) / np.abs(points).max()
    reducer = PaCMAP(n_components=2, random_state=seed, num_iters=ITERATIONS)
    flat: Flat = reducer.fit_transform(centred, init="pca" if before is None else before)
    return flat


def _onto(flat: Flat, before: Flat | None) -> Flat:
    """Centre and scale a picture, and turn it as near as can be to the one before."""
    flat = flat - flat.mean(axis=0)
    flat /= max(float(np.sqrt((flat**2).sum(axis=1).mean())), np.finfo(np.float32).tiny)
    if before is None:
        return flat
    turn, _ = orthogonal_procrustes(flat, before)
    turned: Flat = flat @ turn
    return turned


def _is_one_place(points: Points) -> bool:
    spread = np.ptp(points.astype(np.float64), axis=0).max()
    return bool(spread <= NEGLIGIBLE * np.abs(points).max())


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep numba to one thread: for so few points, starting more takes ten times the work."""
    usual = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(usual)
