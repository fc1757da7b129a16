"""How well a layer's direction tells bad prompts from good ones that it has not seen."""

import math
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.metrics import roc_auc_score, silhouette_score

from studies.engine.directions import NEGLIGIBLE

Points = Float[np.ndarray, "prompt d_model"]
Scores = Float[np.ndarray, " prompt"]

FOLDS: Final = 5


class Separation(NamedTuple):
    """None: too few prompts, or nothing to tell them apart by."""

    auc: float | None
    d_prime: float | None


def separation(good: Points, bad: Points) -> Separation:
    """Return AUC and d′ of held-out prompts along the difference of means.

    Each prompt is scored by the direction r = mean(bad) − mean(good) of the other folds, as
    s = (x − (mean(good) + mean(bad)) / 2) · r / |r|. Over the scores of all folds:

    * AUC = P(s_bad > s_good) + P(s_bad = s_good) / 2, the Mann-Whitney statistic
      (Hanley and McNeil 1982);
    * d′ = (mean s_bad − mean s_good) / √((var s_bad + var s_good) / 2), the sensitivity index
      (Green and Swets 1966), with unbiased variances.

    In-sample values would be near-perfect wherever a layer has more dimensions than there are
    prompts; held out, sets that do not differ have an AUC near 0.5 and a d′ near 0. A prompt's
    fold is its place in the set modulo the number of folds.
    """
    if min(len(good), len(bad)) < 2:
        return Separation(None, None)
    scores = held_out_scores(good.astype(np.float64), bad.astype(np.float64))
    if scores is None:
        return Separation(None, None)
    of_good, of_bad = scores
    labels = np.repeat([0, 1], [len(of_good), len(of_bad)])
    auc = float(roc_auc_score(labels, np.concatenate([of_good, of_bad])))
    spread = math.sqrt((of_bad.var(ddof=1) + of_good.var(ddof=1)) / 2)
    if spread == 0:
        return Separation(auc, None)
    return Separation(auc, float(of_bad.mean() - of_good.mean()) / spread)


def held_out_scores(good: Points, bad: Points) -> tuple[Scores, Scores] | None:
    """Score each prompt by the other folds' direction; None: a fold's others have none."""
    folds = min(FOLDS, len(good), len(bad))
    of_good, of_bad = np.empty(len(good)), np.empty(len(bad))
    fold_good, fold_bad = np.arange(len(good)) % folds, np.arange(len(bad)) % folds
    for fold in range(folds):
        g = good[fold_good != fold].mean(axis=0)
        b = bad[fold_bad != fold].mean(axis=0)
        length = float(np.linalg.norm(b - g))
        if length <= NEGLIGIBLE * max(np.linalg.norm(g), np.linalg.norm(b)):
            return None
        unit, middle = (b - g) / length, (g + b) / 2
        of_good[fold_good == fold] = (good[fold_good == fold] - middle) @ unit
        of_bad[fold_bad == fold] = (bad[fold_bad == fold] - middle) @ unit
    return of_good, of_bad


def silhouette(good: Points, bad: Points) -> float | None:
    """Return the mean silhouette coefficient of the two sets (Rousseeuw 1987), euclidean.

    None: fewer than three prompts, or all lie at one place.
    """
    points = np.concatenate([good, bad]).astype(np.float64)
    size = float(np.abs(points).max())
    if len(points) < 3 or float(np.ptp(points, axis=0).max()) <= NEGLIGIBLE * size:
        return None
    labels = np.repeat([0, 1], [len(good), len(bad)])
    return float(silhouette_score(points, labels))
