"""What the benchmark of the web side fills its databases with, and how it counts."""

from random import Random

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from studies.bench import rows
from studies.bench.copying import copy_rows
from studies.bench.probes import PROBES
from studies.bench.requesting import percentile
from studies.engine.pareto import dominates
from studies.events import Noted, event_record
from studies.models import Trial
from studies.selectors import trial_rows


@pytest.fixture
def study(make_study):
    study = make_study(n_trials=80)
    Trial.objects.bulk_create(rows.trials_of_study(study, timezone.now(), Random(0)))
    return study


def test_made_trials_lie_in_the_space_and_have_a_front(study):
    trials = list(study.trials.all())
    weights = [trial.parameters["max_weight"]["attn.o_proj"] for trial in trials]
    assert all(0.8 <= weight <= 1.5 for weight in weights)
    assert len(set(weights)) == len(weights)
    complete = [trial for trial in trials if trial.state == Trial.State.COMPLETE]
    assert len(complete) == len(trials) - len(trials) // rows.FAILED_EVERY
    front = [trial for trial in complete if trial.is_pareto]
    assert len(front) > 1
    for trial in complete:
        beaten = any(dominates(one.values, trial.values, rows.DIRECTIONS) for one in front)
        assert beaten != trial.is_pareto
    best = {row["name"]: row["value"] for row in rows.best_of(trials)}
    assert best["Keywords"] == min(trial.values[0] for trial in complete)


def test_copies_are_a_study_of_their_own(study, make_study):
    event_record(study.pk, Noted(text="as the first one says"))
    others = [make_study(), make_study()]

    copy_rows([(study, other) for other in others])

    for other in others:
        assert trial_rows(other, None) == trial_rows(study, None)
        assert [event.payload for event in other.events.all()] == [
            event.payload for event in study.events.all()
        ]
    assert Trial.objects.count() == 3 * 80


def test_no_other_database_is_filled(db, study):
    with pytest.raises(CommandError, match="not the data folder of a benchmark"):
        call_command("bench_part", "fill", '{"n_studies": 1, "n_trials": 1, "n_large": 1}')
    assert Trial.objects.count() == 80


def test_each_address_has_a_name_of_its_own():
    assert len({probe.name for probe in PROBES}) == len(PROBES)


def test_a_percentile_lies_among_the_values():
    values = [float(number) for number in range(1, 101)]
    assert 99 <= percentile(values, 99) <= 100
    assert percentile([3.0], 99) == 3.0
