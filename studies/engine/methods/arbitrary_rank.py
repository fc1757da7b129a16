"""Arbitrary-rank ablation: each matrix gets the update that moves the answers to bad prompts.

No direction is assumed. What a matrix writes for bad prompts is led to what it writes for the
nearest good ones, while good prompts keep their outputs; the update has whatever rank that takes.
The default ranges are those that worked on the demo model.
"""

from studies.engine.architectures import USUAL_COMPONENTS
from studies.engine.methods.schema import GENERAL, Method, Parameter, Unit
from studies.engine.ranges import Range
from studies.engine.tables import Table

WEIGHT_CAP = 1000.0  # only ratios matter, and the ridge of the update beside them
MOST_NEIGHBORS = 100


class ArbitraryRankSettings(Table):
    """The method has no options beside its parameters."""


METHOD = Method(
    name="arbitrary_rank",
    label="Arbitrary-rank ablation",
    description="Updates each matrix so that its outputs for bad prompts go to those of the most "
    "similar good prompts, and outputs for good prompts stay.",
    parameters=(
        Parameter(
            name="start_layer_fraction",
            unit=Unit.LAYER_FRACTION,
            low=0.0,
            high=1.0,
            default={GENERAL: Range(low=0.3, high=0.7)},
            description="The first layer that is changed, between the first of the model (0) and "
            "the last (1). Above the end, the two change places.",
        ),
        Parameter(
            name="end_layer_fraction",
            unit=Unit.LAYER_FRACTION,
            low=0.0,
            high=1.0,
            default={GENERAL: Range(low=0.6, high=1.0)},
            description="The last layer that is changed, between the first of the model (0) and "
            "the last (1).",
        ),
        Parameter(
            name="preserve_good_weight",
            unit=Unit.WEIGHT,
            low=0.001,
            high=WEIGHT_CAP,
            default={GENERAL: Range(low=0.1, high=1.0)},
            description="How much it counts that outputs for good prompts keep their values.",
        ),
        Parameter(
            name="steer_bad_weight",
            unit=Unit.WEIGHT,
            low=0.0,
            high=WEIGHT_CAP,
            default={GENERAL: Range(low=0.01, high=1.0, log=True)},
            description="How much it counts that outputs for bad prompts reach those of their "
            "good neighbours; 0 changes nothing.",
        ),
        Parameter(
            name="overcorrect_weight",
            unit=Unit.WEIGHT,
            low=0.0,
            high=WEIGHT_CAP,
            default={GENERAL: Range(low=0.0, high=2.5)},
            description="How much outputs for bad prompts are pushed away from where they were, "
            "beyond their good neighbours; fades with the distance.",
        ),
        Parameter(
            name="neighbor_count",
            unit=Unit.COUNT,
            low=1,
            high=MOST_NEIGHBORS,
            default={GENERAL: Range(low=1, high=15, integer=True)},
            description="How many of the nearest good outputs make the mean that a bad one is "
            "led to.",
        ),
    ),
    components=USUAL_COMPONENTS,
    settings=ArbitraryRankSettings,
    implementation="studies.engine.arbitrary_rank:ArbitraryRankAblation",
)
