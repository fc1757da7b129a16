"""Every trial as a line across its parameters and objectives.

Drawn as plain lines: plotly's own trace of that kind compiles shaders at run time, which a strict
content security policy forbids, and tells lines apart by colour alone.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from studies.engine.figures.records import Json, StudyRecord, TrialRecord, label_of
from studies.engine.search_space import sampled_keys
from studies.engine.values import Range, Value

Cell = float | str | None


class Axis(NamedTuple):
    title: str
    low: str
    high: str
    cells: Sequence[Cell]  # one for each trial
    place: Callable[[float | str], float]  # value → height in [0, 1]


def parallel_coordinates(record: StudyRecord, objective: int) -> Json:
    """One axis for each sampled parameter and each objective; the front stands out."""
    trials = record.complete
    axes = [_parameter_axis(record, trials, index) for index in range(len(_keys(record)))]
    axes += [
        _number_axis(one.name, [trial.values[index] for trial in trials])
        for index, one in enumerate(record.objectives)
    ]
    groups = [
        ("Other trials", [i for i, t in enumerate(trials) if not t.is_front], 1.0, "solid"),
        ("Front", [i for i, t in enumerate(trials) if t.is_front], 2.5, "solid"),
        (
            "Recommended",
            [i for i, t in enumerate(trials) if t.number == record.recommended],
            4.0,
            "dot",
        ),
    ]
    data = [
        _lines(name, axes, [trials[i].number for i in rows], rows, width, dash)
        for name, rows, width, dash in groups
        if rows
    ]
    return {"data": data, "layout": _layout(axes)}


def _keys(record: StudyRecord) -> list[tuple[str, Value]]:
    return [(label_of(key), record.space[key]) for key in sampled_keys(record.space)]


def _parameter_axis(record: StudyRecord, trials: Sequence[TrialRecord], index: int) -> Axis:
    key = sampled_keys(record.space)[index]
    value = record.space[key]
    cells: list[Cell] = [trial.parameters.get(key) for trial in trials]
    if isinstance(value, Range):
        numbers = [cell for cell in cells if isinstance(cell, int | float)]
        ends = [float(value.low), float(value.high), *numbers]
        return _ranged(label_of(key), min(ends), max(ends), cells, log=value.log)
    choices = list(value) if isinstance(value, tuple) else [value]
    last = max(1, len(choices) - 1)

    def place(cell: float | str) -> float:
        return choices.index(cell) / last if cell in choices else 0.0

    return Axis(label_of(key), str(choices[0]), str(choices[-1]), cells, place)


def _number_axis(title: str, values: Sequence[float]) -> Axis:
    return _ranged(title, min(values), max(values), list(values), log=False)


def _ranged(title: str, low: float, high: float, cells: Sequence[Cell], *, log: bool) -> Axis:
    scale: Callable[[float], float] = math.log if log and low > 0 else float
    bottom, top = scale(low), scale(high)
    span = (top - bottom) or 1.0

    def place(cell: float | str) -> float:
        return (scale(float(cell)) - bottom) / span

    return Axis(title, f"{low:.4g}", f"{high:.4g}", cells, place)


def _lines(
    name: str,
    axes: Sequence[Axis],
    numbers: Sequence[int],
    rows: Sequence[int],
    width: float,
    dash: str,
) -> Json:
    """One trace for a group of trials, a gap after each."""
    across: list[int | None] = []
    up: list[float | None] = []
    hover: list[str] = []
    for number, row in zip(numbers, rows, strict=True):
        for index, axis in enumerate(axes):
            cell = axis.cells[row]
            across.append(index)
            up.append(None if cell is None else round(axis.place(cell), 4))
            hover.append(f"trial {number}: {axis.title} = {_shown(cell)}")
        across.append(None)
        up.append(None)
        hover.append("")
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": across,
        "y": up,
        "text": hover,
        "hoverinfo": "text",
        "line": {"width": width, "dash": dash},
        "marker": {"size": 3 + width},
        "opacity": 0.35 if name == "Other trials" else 1,
    }


def _shown(cell: Cell) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _layout(axes: Sequence[Axis]) -> Json:
    ends = [
        {
            "x": index, "y": height, "text": text, "showarrow": False,
            "yshift": 10 if height else -10, "font": {"size": 10},
        }
        for index, axis in enumerate(axes)
        for height, text in ((0, axis.low), (1, axis.high))
    ]  # fmt: skip
    return {
        "xaxis": {
            "tickvals": list(range(len(axes))),
            "ticktext": [axis.title for axis in axes],
            "tickangle": 30,
            "automargin": True,
        },
        "yaxis": {"showticklabels": False, "range": [-0.09, 1.09], "zeroline": False},
        "annotations": ends,
        "hovermode": "closest",
    }
