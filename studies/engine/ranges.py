"""An interval that a search samples from."""

import math
from decimal import Decimal
from typing import ClassVar

from pydantic import ValidationInfo, field_validator

from studies.engine.limits import MAX_WHOLE, Number, Point
from studies.engine.problems import got
from studies.engine.tables import Table, fault


class Range(Table):
    """An interval to sample from, both ends included, with its numbers as typed."""

    also_called: ClassVar = {"min": "low", "max": "high", "from": "low", "to": "high"}

    # The order matters: the check of a field sees those above it.
    log: bool = False
    integer: bool = False  # only whole numbers are sampled
    low: Point
    high: Point
    step: Number | None = None  # from low upwards

    @field_validator("low", "high", "step")
    @classmethod
    def _whole(cls, number: float | None, info: ValidationInfo) -> float | None:
        if info.data.get("integer") and number is not None and not float(number).is_integer():
            raise fault(f"must be a whole number, since integer is true{got(number)}")
        return number

    @field_validator("low")
    @classmethod
    def _positive_on_a_log_scale(cls, low: float, info: ValidationInfo) -> float:
        if info.data.get("log") and low <= 0:
            raise fault(f"must be above 0 on a log scale{got(low)}")
        return low

    @field_validator("high")
    @classmethod
    def _above_low(cls, high: float, info: ValidationInfo) -> float:
        low = info.data.get("low", high)
        if high < low:
            raise fault(f"must not be below low, which is {low!r}{got(high)}")
        if not math.isfinite(float(high) - float(low)):
            raise fault("is too far from low: high − low must be a finite number")
        return high

    @field_validator("step")
    @classmethod
    def _fits(cls, step: float | None, info: ValidationInfo) -> float | None:
        if step is None:
            return None
        if step <= 0:
            raise fault(f"must be above 0{got(step)}")
        if info.data.get("log"):
            raise fault("cannot be combined with a log scale")
        low, high = info.data.get("low"), info.data.get("high")
        if low is not None and high is not None and low < high and step > high - low:
            raise fault(f"is larger than the range from {low!r} to {high!r}{got(step)}")
        if low is not None and high is not None and (high - low) / step > MAX_WHOLE:
            raise fault(f"is too small for the range from {low!r} to {high!r}{got(step)}")
        return step

    @property
    def last(self) -> float:
        """The highest value that is sampled: `high`, or the last step at or below it."""
        if self.step is None:
            return self.high
        low, high, step = _decimals(self.low, self.high, self.step)
        return self.on_step(float(low + (high - low) // step * step))

    def on_step(self, number: float) -> float:
        """The step nearest to a number, without the rounding of a sum: 0.9, not 0.8999999999999999."""
        if self.step is None:
            return number
        low, step, wanted = _decimals(self.low, self.step, number)
        exact = low + round((wanted - low) / step) * step
        return int(exact) if self.integer else float(exact)


def _decimals(*numbers: float) -> list[Decimal]:
    """The numbers as a person reads them: 0.1 is a tenth."""
    return [Decimal(str(number)) for number in numbers]
