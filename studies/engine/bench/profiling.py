"""What takes the time in each arm, operation by operation."""

from collections.abc import Mapping, Sequence
from typing import Final

import torch
from torch.profiler import ProfilerActivity
from torch.profiler import profile as profiler

from studies.engine.bench.arms import Arm
from studies.engine.search_space import Parameters

_ROWS: Final = 30


def profile(arms: Mapping[str, Arm], trials: Sequence[Parameters]) -> str:
    """Tables of the most expensive operations while each arm scores as many as it does at once."""
    on_gpu = torch.cuda.is_available()
    activities = [ProfilerActivity.CPU, *[ProfilerActivity.CUDA] * on_gpu]
    order = "self_cuda_time_total" if on_gpu else "self_cpu_time_total"
    texts = []
    for name, arm in arms.items():
        with profiler(activities=activities, acc_events=True) as found:
            arm.trials(trials[: arm.at_once])
        table = found.key_averages().table(
            sort_by=order, row_limit=_ROWS, max_name_column_width=60
        )
        texts.append(f"{name}\n{table}\n")
    return "\n".join(texts)
