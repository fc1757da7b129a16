from datetime import UTC, datetime, timedelta

import pytest

from studies.engine.figures.plots import FIGURES, figure
from studies.engine.figures.records import (
    Objective,
    Phase,
    StudyRecord,
    TrialRecord,
    memory_study,
)
from studies.engine.parameters import Key
from studies.engine.values import parse_value

START = datetime(2026, 1, 1, tzinfo=UTC)
WEIGHT, SCOPE, FIXED = Key("max_weight", "attn.o_proj"), Key("scope", ""), Key("fixed", "")
SPACE = {
    WEIGHT: parse_value("w", {"low": 0.5, "high": 1.5}),
    SCOPE: parse_value("s", ["global", "per layer"]),
    FIXED: parse_value("f", 1),
}


def record(n_trials=40, direction="minimize", **fields):
    """Trials whose first objective is the weight itself, and every seventh failed."""
    trials = []
    for number in range(n_trials):
        weight = 0.5 + number / n_trials
        trials.append(
            TrialRecord(
                number=number,
                values=() if number % 7 == 3 else (weight, (number * 7 % 11) / 11),
                parameters={WEIGHT: weight, SCOPE: ("global", "per layer")[number * 7 % 3 % 2]},
                started_at=START + timedelta(seconds=10 * number),
                finished_at=START + timedelta(seconds=10 * number + 4),
                is_front=number == 0,
            )
        )
    objectives = [Objective("Keywords", direction), Objective("Unchanged", "maximize")]
    given = {"objectives": objectives, "space": SPACE, "trials": trials, "recommended": 0}
    return StudyRecord(**given | fields)


@pytest.mark.parametrize("kind", FIGURES)
def test_every_figure_is_drawn_without_a_heavy_template(kind):
    drawn = figure(kind, record())

    assert drawn["data"]
    assert not {"template", "title"} & set(drawn["layout"])


@pytest.mark.parametrize("kind", FIGURES)
def test_no_figure_fails_without_trials_or_with_few(kind):
    figure(kind, record(0))
    figure(kind, record(1))
    figure(kind, record(5))


@pytest.mark.parametrize("kind", FIGURES)
def test_one_objective_is_enough_for_every_figure(kind):
    trials = [
        TrialRecord(
            number=t.number,
            values=t.values[:1],
            parameters=t.parameters,
            started_at=t.started_at,
            finished_at=t.finished_at,
        )
        for t in record().trials
    ]
    drawn = figure(kind, record(trials=trials, objectives=[Objective("Keywords", "minimize")]))

    assert bool(drawn["data"]) is (kind != "hypervolume")


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_parameter_that_decides_is_the_important_one(direction):
    bars = figure("importances", record(direction=direction))["data"]
    found = {bar["name"]: dict(zip(bar["y"], bar["x"], strict=True)) for bar in bars}

    assert set(found) == {"for the front", "for Keywords", "for Unchanged"}
    weights = found["for Keywords"]
    assert weights["max_weight · attn.o_proj"] > 0.8
    assert "fixed" not in weights


def test_the_best_so_far_follows_the_objectives_direction():
    down, up = (figure("history", record(direction=d)) for d in ("minimize", "maximize"))

    def best(drawn):
        (line,) = [trace for trace in drawn["data"] if trace["name"] == "Best Value"]
        return line["y"]

    assert best(down) != best(up)


def test_the_hypervolume_never_falls():
    (curve,) = figure("hypervolume", record())["data"]

    assert list(curve["y"]) == sorted(curve["y"])
    assert curve["y"][-1] > 0


def test_trials_keep_their_numbers_and_those_outside_the_space_are_left_out():
    trials = list(record(10).trials)
    trials[4] = TrialRecord(
        number=4,
        values=(0.1, 0.1),
        parameters={WEIGHT: 9.0, SCOPE: "global"},
        started_at=START,
        finished_at=START,
    )
    study = memory_study(record(trials=trials))

    complete = [t.number for t in study.trials if t.state.name == "COMPLETE"]
    assert complete == [0, 1, 2, 5, 6, 7, 8, 9]


def test_the_timeline_has_phases_complete_and_failed_trials():
    phases = [Phase("Loading the model", START - timedelta(seconds=30), START)]
    traces = figure("timeline", record(phases=phases))["data"]

    assert {trace["name"]: len(trace["x"]) for trace in traces} == {
        "Phase": 1,
        "Complete trial": 34,
        "Failed trial": 6,
    }
    assert traces[0]["x"] == [30_000.0]


def test_parallel_lines_cross_every_parameter_and_objective():
    drawn = figure("parallel", record())

    titles = drawn["layout"]["xaxis"]["ticktext"]
    assert titles == ["max_weight · attn.o_proj", "scope", "Keywords", "Unchanged"]
    names = [trace["name"] for trace in drawn["data"]]
    assert names == ["Other trials", "Front", "Recommended"]
    heights = [y for trace in drawn["data"] for y in trace["y"] if y is not None]
    assert min(heights) >= 0
    assert max(heights) <= 1


def test_an_objective_that_is_not_there_is_no_figure():
    with pytest.raises(IndexError):
        figure("slice", record(), 2)
