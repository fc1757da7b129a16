"""Checks that a written export is the model that the trial measured."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil
import torch
from safetensors.torch import load_file
from torch import Tensor

from studies.engine.errors import EngineError
from studies.engine.export.adapter import PREFIX
from studies.engine.export.checkpoint import Checkpoint
from studies.engine.model import LoadedModel
from studies.engine.results import Score

# How far a score of the reloaded model may lie from the trial's. The trial rounds its outputs,
# the export its weights: near ties between two tokens fall either way, in half precision often.
FULL: Final = "float32"
RATES: Final = (0.03, 0.1)  # shares of answers; in full precision, in half
SHARES: Final = (0.05, 0.5)  # of other values, and at least:
LEAST: Final = (1e-4, 5e-3)
ROOM: Final = 1.2  # memory that loading takes, in sizes of the weights
A_KEY, B_KEY = ".lora_A.weight", ".lora_B.weight"


class ExportDiffersError(EngineError):
    """What was written is not the model that the trial measured."""

    code = "export_differs"
    advice = "Nothing of it was kept. Try again; if it fails again, report it with the log."


@dataclass(frozen=True, slots=True)
class Comparison:
    """One score of the trial and of the reloaded export."""

    name: str
    trial: float
    export: float
    tolerance: float

    @property
    def is_equal(self) -> bool:
        """Whether the two agree as far as rounding lets them."""
        return abs(self.trial - self.export) <= self.tolerance


def check_keys(written: Checkpoint, original: Checkpoint) -> None:
    """Compare the names and shapes of an export's tensors with the original's.

    Raises:
        ExportDiffersError: one is missing, too many, or has another shape; names the first.
    """
    for one, other, what in ((original, written, "lacks"), (written, original, "also has")):
        for key in one.tensors:
            if key not in other.tensors:
                raise ExportDiffersError(f"The written model {what} {key}.")
    for key, stored in original.tensors.items():
        if written.tensors[key].shape != stored.shape:
            raise ExportDiffersError(f"{key} was written with another shape.")


def compare_scores(
    expected: Sequence[Mapping[str, object]], found: Sequence[Score], dtype: str
) -> list[Comparison]:
    """Set the export's scores beside the trial's."""
    values = {score.name: score.value for score in found}
    return [
        Comparison(name, value, values[name], _tolerance(row, value, dtype))
        for row in expected
        for name, value in [(str(row["name"]), float(str(row["value"])))]
        if name in values
    ]


def _tolerance(row: Mapping[str, object], value: float, dtype: str) -> float:
    half = dtype != FULL
    if row.get("low") is not None:  # only shares have an interval
        return RATES[half]
    return max(SHARES[half] * abs(value), LEAST[half])


def refuse_difference(comparisons: Sequence[Comparison]) -> None:
    """Stop if a score differs.

    Raises:
        ExportDiffersError: names the first such score with both values.
    """
    for one in comparisons:
        if not one.is_equal:
            raise ExportDiffersError(
                f"The reloaded export scores {one.export:.4g} on {one.name}, "
                f"the trial scored {one.trial:.4g}."
            )


def as_rows(comparisons: Sequence[Comparison]) -> list[dict[str, object]]:
    """The comparisons as the manifest keeps them."""
    return [asdict(one) | {"equal": one.is_equal} for one in comparisons]


def fits_beside(loaded: LoadedModel) -> bool:
    """Whether a second model of this size fits into memory next to this one."""
    weights = sum(weight.nbytes for weight in loaded.model.parameters())
    if loaded.device.type == "cuda":
        return torch.cuda.mem_get_info(loaded.device)[0] > ROOM * weights
    return psutil.virtual_memory().available > ROOM * weights


@contextmanager
def adapter_applied(loaded: LoadedModel, file: Path) -> Iterator[None]:
    """Add a written adapter to a loaded model, and give it its own weights back afterwards."""
    tensors = load_file(file)
    kept: dict[str, Tensor] = {}
    try:
        with torch.no_grad():
            for name, a in tensors.items():
                if not name.endswith(A_KEY):
                    continue
                module = name.removeprefix(PREFIX).removesuffix(A_KEY)
                weight = loaded.model.get_parameter(f"{module}.weight")
                kept[module] = weight.to("cpu", copy=True)
                product = tensors[name.removesuffix(A_KEY) + B_KEY].double() @ a.double()
                weight.copy_(weight.double() + product.to(weight.device))
        yield
    finally:
        with torch.no_grad():
            for module, original in kept.items():
                loaded.model.get_parameter(f"{module}.weight").copy_(original)
