"""Directional ablation: the residual direction of a behaviour is removed from what layers write.

The default search space is the reference tool's (Heretic); the kernel over the layers is a tent
per component. Fractions are of the last layer's index.
"""

from typing import Annotated, Literal

from pydantic import Field

from studies.engine.architectures import ATTENTION, MLP, USUAL_COMPONENTS
from studies.engine.limits import Number
from studies.engine.methods.schema import GENERAL, Method, Parameter, Unit
from studies.engine.ranges import Range
from studies.engine.tables import Table

WEIGHT_CAP = 10.0  # far beyond any useful weight: 1 removes the direction, 2 mirrors it


class DirectionalSettings(Table):
    """The options of directional ablation that a study fixes."""

    row_normalization: Literal["none", "pre", "full"] = Field(
        "full",
        description="How rows of a matrix count: none as they are, pre each at length one, "
        "full the same and every row keeps its original length.",
    )
    orthogonalize_direction: bool = Field(
        default=True,
        description="Remove from the direction its part along the mean of the good prompts.",
    )
    winsorization_quantile: Annotated[Number, Field(gt=0, le=1)] = Field(
        1.0,
        description="Clamp the largest residual components of each prompt to this quantile of "
        "their magnitudes, above 0; 1 leaves them as they are.",
    )
    compensate_output_norm: bool = Field(
        default=True,
        description="Where a norm follows the matrix, aim at the direction behind that norm.",
    )


METHOD = Method(
    name="directional",
    label="Directional ablation",
    description="Removes one direction of the residual stream from what attention and MLP write, "
    "with a strength that rises and falls over the layers.",
    parameters=(
        Parameter(
            name="direction_scope",
            unit=Unit.CHOICE,
            choices=("global", "per layer"),
            default={GENERAL: ("global", "per layer")},
            description="One direction for every layer (global), or each layer its own.",
        ),
        Parameter(
            name="direction_fraction",
            unit=Unit.LAYER_FRACTION,
            low=0.0,
            high=1.0,
            default={GENERAL: Range(low=0.4, high=0.9)},
            description="Where the global direction is taken, between the first layer (0) and "
            "the last (1). Unused where the scope is per layer.",
        ),
        Parameter(
            name="max_weight",
            unit=Unit.WEIGHT,
            per_component=True,
            low=-WEIGHT_CAP,
            high=WEIGHT_CAP,
            default={
                GENERAL: Range(low=0.8, high=1.5),
                ATTENTION: Range(low=0.8, high=1.5),
                MLP: Range(low=-0.25, high=1.5),
            },
            description="Strength at the peak: 1 removes the direction. A negative sample counts "
            "as 0, so a range from below 0 often leaves the component alone.",
        ),
        Parameter(
            name="max_weight_position_fraction",
            unit=Unit.LAYER_FRACTION,
            per_component=True,
            low=0.0,
            high=1.0,
            default={GENERAL: Range(low=0.6, high=1.0)},
            description="Where the peak lies, between the first layer (0) and the last (1).",
        ),
        Parameter(
            name="min_weight_relative",
            unit=Unit.RELATIVE,
            per_component=True,
            low=0.0,
            high=1.0,
            default={GENERAL: Range(low=0.0, high=1.0)},
            description="Strength at the edge of the kernel, as a share of max_weight.",
        ),
        Parameter(
            name="min_weight_distance_fraction",
            unit=Unit.LAYER_FRACTION,
            per_component=True,
            low=0.0,
            high=1.0,
            least_layers=1.0,
            default={GENERAL: Range(low=0.0, high=0.6)},
            description="How far the kernel reaches from its peak to either side, as a fraction "
            "of the last layer's index; at least one layer. Nothing is changed beyond.",
        ),
    ),
    components=USUAL_COMPONENTS,
    settings=DirectionalSettings,
    implementation="studies.engine.directional:DirectionalAblation",
)
