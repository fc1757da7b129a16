"""The columns of the table of residual geometry: what each number is, and how it is written.

g and b are the mean residuals of the good and the bad prompts at a layer index, r = b − g is
their difference; a star means geometric medians instead of means. S is the cosine.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple


class Column(NamedTuple):
    name: str
    label: str
    group: Literal["cosine", "norm", "separation"]
    description: str


COLUMNS: Final[Sequence[Column]] = (
    Column("cos_good_bad", "S(g, b)", "cosine", "Cosine of the two means."),
    Column("cos_good_bad_median", "S(g*, b*)", "cosine", "Cosine of the two medians."),
    Column("cos_good_direction", "S(g, r)", "cosine", "Cosine of good mean and direction."),
    Column("cos_good_direction_median", "S(g*, r*)", "cosine", "The same of medians."),
    Column("cos_bad_direction", "S(b, r)", "cosine", "Cosine of bad mean and direction."),
    Column("cos_bad_direction_median", "S(b*, r*)", "cosine", "The same of medians."),
    Column("norm_good", "|g|", "norm", "Length of the good mean."),
    Column("norm_good_median", "|g*|", "norm", "Length of the good median."),
    Column("norm_bad", "|b|", "norm", "Length of the bad mean."),
    Column("norm_bad_median", "|b*|", "norm", "Length of the bad median."),
    Column("norm_direction", "|r|", "norm", "Distance of the two means."),
    Column("norm_direction_median", "|r*|", "norm", "Distance of the two medians."),
    Column(
        "silhouette",
        "Silhouette",
        "separation",
        "Mean silhouette coefficient of the two sets: near 1 apart, near 0 mixed.",
    ),
    Column(
        "auc",
        "AUC",
        "separation",
        "Share of pairs in which a bad prompt lies further along the direction than a good one, "
        "each prompt judged by a direction that it took no part in (5 folds).",
    ),
    Column(
        "d_prime",
        "d′",
        "separation",
        "Distance of the two sets along that direction, in standard deviations, likewise held "
        "out.",
    ),
)
