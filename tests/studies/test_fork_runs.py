"""Forks and enqueued trials in the runner: real model, real search, and crashes in between."""

import optuna
import pytest

from studies import commands, selectors
from studies.engine import search
from studies.engine.session import Session
from studies.models import Job, Trial
from studies.models.study import StudyStatus as Status
from studies.runner.enqueued import hand_over_next
from tests.studies.test_runner import (  # noqa: F401 - fixtures
    Killed,
    optuna_states,
    own_storage,
    parameters_of,
    start,
    work,
)

pytestmark = pytest.mark.django_db(transaction=True)
WIDER = {"max_weight": {"mlp.down_proj": {"low": -0.5, "high": 2.0}}}
FIRST = {"direction_scope": "global", "max_weight": {"attn.o_proj": 1.25}}


@pytest.fixture
def count_evaluations(monkeypatch):
    evaluate, calls = Session.evaluate, []

    def counted(self, parameters):
        calls.append(dict(parameters))
        return evaluate(self, parameters)

    monkeypatch.setattr(Session, "evaluate", counted)
    return calls


def killed(study, monkeypatch, target, replacement):
    """Let a worker die where `replacement` raises, and its lease end."""
    with monkeypatch.context() as patch:
        patch.setattr(target, replacement)
        patch.setattr("studies.runner.study_run._end", lambda *args: None)
        with pytest.raises(Killed):
            work(study)
    Job.objects.filter(study=study).update(lease_until="2000-01-01T00:00Z")


def stored(study, settings):
    name = f"study-{study.pk}"
    return optuna.load_study(study_name=name, storage=settings.OPTUNA_STORAGE).trials


def test_a_fork_goes_on_from_the_trials_that_it_took_over(start, settings, count_evaluations):  # noqa: F811
    original = start(n_trials=4)
    work(original)
    fork = commands.study_fork(
        original.owner, original, parameters=WIDER, settings={"n_trials": 2}
    )
    del count_evaluations[:]

    work(fork)

    assert (fork.status, fork.n_finished, fork.n_taken_over) == (Status.COMPLETED, 2, 4)
    assert len(count_evaluations) == 2
    assert optuna_states(fork, settings) == ["COMPLETE"] * 6
    wide = {
        str(trial.distributions['max_weight["mlp.down_proj"]']) for trial in stored(fork, settings)
    }
    assert len(wide) == 1, "the search sees one and the same space in all of them"
    assert len(set(parameters_of(fork))) == 6
    assert list(fork.trials.values_list("number", flat=True)) == list(range(6))
    sources = list(fork.trials.order_by("number").values_list("source", flat=True))
    assert sources == ["taken_over"] * 4 + ["sampled"] * 2
    values = {trial.number: trial.values for trial in fork.trials.all()}
    least = min(value for value, _ in values.values())
    assert fork.best[0]["value"] == least
    assert fork.trials.filter(is_pareto=True, values__0=least).exists()


def test_a_worker_killed_while_taking_over_leaves_the_rest_to_the_next(
    start,  # noqa: F811
    settings,
    monkeypatch,
    count_evaluations,
):
    original = start(n_trials=3)
    work(original)
    fork = commands.study_fork(original.owner, original, settings={"n_trials": 1})
    del count_evaluations[:]
    add, added = search.add_complete, []

    def dies_at_third(*args):
        if len(added) == 2:
            raise Killed
        added.append(1)
        add(*args)

    killed(fork, monkeypatch, "studies.engine.search.add_complete", dies_at_third)
    assert optuna_states(fork, settings) == ["COMPLETE"] * 2
    work(fork)

    assert len(count_evaluations) == 1
    taken_over = fork.trials.filter(source=Trial.Source.TAKEN_OVER).order_by("number")
    told = [trial.values for trial in stored(fork, settings)]
    assert told[:3] == [trial.values for trial in taken_over]
    assert len(told) == fork.trials.count() == 4


def test_a_fork_of_a_fork_has_all_trials_and_their_answers(start):  # noqa: F811
    original = start(n_trials=2)
    work(original)
    fork = commands.study_fork(original.owner, original, settings={"n_trials": 1})
    work(fork)

    second = commands.study_fork(original.owner, fork, parameters=WIDER, start=False)

    assert second.n_taken_over == 3
    origins = [t["origin"] for t in selectors.trial_rows(second, None)[0]]
    measured_by = [original, original, fork]
    assert [o["study"] for o in origins] == [str(study.pk) for study in measured_by]
    assert [o["number"] for o in origins] == [0, 1, 2]
    for number, study in enumerate(measured_by):
        answers = selectors.trial_responses(second, number)
        assert answers
        assert answers == selectors.trial_responses(study, number)


def test_enqueued_trials_are_tried_first_in_order_and_completed_by_the_search(start):  # noqa: F811
    study = start(n_trials=3, enqueue=[{"parameters": FIRST}], start=False)
    other = start_like(study)
    work(other)
    whole = {"study": other.pk, "number": 0}
    commands.study_enqueue(study.owner, study, [whole])
    commands.study_start(study)

    work(study)

    (first, second, third), _ = selectors.trial_rows(study, None)
    assert first["parameters"]["direction_scope"] == "global"
    assert first["parameters"]["max_weight"]["attn.o_proj"] == 1.25
    assert first["parameters"]["max_weight"].keys() == {"attn.o_proj", "mlp.down_proj"}
    assert second["parameters"] == selectors.trial_detail(other, 0)["parameters"]
    assert second["origin"] == {"study": str(other.pk), "number": 0}
    assert [t["source"] for t in (first, second, third)] == ["enqueued", "enqueued", "sampled"]
    assert selectors.waiting_trials(study) == []


def start_like(study):
    return commands.study_create(
        study.owner, model="tiny", profile=study.profile, settings={"n_trials": 1, "seed": 11}
    )


def after(call):
    """Let a call do its work, then die."""

    def dies(*args, **kwargs):
        call(*args, **kwargs)
        raise Killed

    return dies


def dies(*args):
    raise Killed


@pytest.mark.parametrize(
    ("target", "replacement"),
    [
        ("studies.engine.search.enqueue", after(search.enqueue)),
        ("studies.runner.asking.hand_over_next", None),
        ("studies.engine.search.suggest", dies),
    ],
    ids=["handed over, not noted", "noted, not asked", "asked, not sampled"],
)
def test_a_trial_to_try_first_is_tried_exactly_once_whatever_dies(
    start,  # noqa: F811
    monkeypatch,
    target,
    replacement,
):
    study = start(n_trials=2, enqueue=[{"parameters": FIRST}])

    killed(study, monkeypatch, target, replacement or after(hand_over_next))
    work(study)

    assert (study.status, study.n_finished) == (Status.COMPLETED, 2)
    enqueued = study.trials.get(source=Trial.Source.ENQUEUED)
    assert enqueued.parameters["max_weight"]["attn.o_proj"] == 1.25
    weights = [t.parameters["max_weight"]["attn.o_proj"] for t in study.trials.all()]
    assert weights.count(1.25) == 1


def test_a_finished_study_tries_what_is_enqueued_once_it_is_extended(start):  # noqa: F811
    study = start(n_trials=1)
    work(study)
    commands.study_enqueue(study.owner, study, [{"parameters": FIRST}])
    study.refresh_from_db()
    assert study.status == Status.COMPLETED

    commands.study_extend(study, 1)
    work(study)

    assert study.trials.get(number=1).source == Trial.Source.ENQUEUED
