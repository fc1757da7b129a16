"""Studies that prune: real runs, their rows, their front, and what the search is told."""

import optuna
import pytest
from optuna.trial import TrialState

from studies.engine.pareto import dominates
from studies.events import TrialPruned
from studies.forking import fork_resolve, takeover_plan
from studies.models import Trial
from studies.models.study import StudyStatus as Status
from studies.runner import trial_loop
from studies.runner.study_run import ALL_PRUNED
from studies.selectors import study_state
from tests.studies.test_forks import original, owner  # noqa: F401 - fixtures
from tests.studies.test_runner import (  # noqa: F401 - fixtures
    Killed,
    own_storage,
    parameters_of,
    start,
    work,
)
from tests.studies.test_runner_batches import again, killed_once

pytestmark = pytest.mark.django_db(transaction=True)
COMPLETE, PRUNED = Trial.State.COMPLETE, Trial.State.PRUNED


def told(study, settings):
    stored = optuna.load_study(study_name=f"study-{study.pk}", storage=settings.OPTUNA_STORAGE)
    return stored.trials


def front_of(study):
    return dict(study.trials.filter(is_pareto=True).values_list("number", "values"))


@pytest.mark.parametrize("side_by_side", [1, 4])
def test_a_study_in_stages_has_the_front_that_it_would_have_had(start, settings, side_by_side):  # noqa: F811
    given = {"n_trials": 6, "n_startup_trials": 6, "trials_per_batch": side_by_side}
    whole = start(settings=given)
    work(whole)
    staged = again(whole, **given, staged_evaluation=True)
    work(staged)

    assert parameters_of(staged) == parameters_of(whole)
    assert (staged.status, staged.n_finished) == (Status.COMPLETED, 6)
    pruned = dict(staged.trials.filter(state=PRUNED).values_list("number", "scores"))
    assert staged.n_pruned == len(pruned) > 0
    front = front_of(staged)
    assert front.keys() == front_of(whole).keys()
    for number, values in front_of(whole).items():
        assert front[number] == pytest.approx(values, rel=1e-5, abs=1e-6)
    for trial in whole.trials.filter(number__in=pruned):
        assert any(dominates(v, trial.values, ["minimize"] * 2) for v in front.values())
        (score,) = pruned[trial.number]
        assert (score["name"], score["value"]) == (
            "KL divergence",
            pytest.approx(trial.values[1], rel=1e-5),
        )
    states = {one.number: (one.state, one.values) for one in told(staged, settings)}
    assert {number for number, one in states.items() if one == (TrialState.PRUNED, None)} == set(
        pruned
    )


def test_a_pruned_trial_keeps_what_it_has_got_and_is_on_no_front(start, settings):  # noqa: F811
    study = start(n_trials=2, settings={"kl_limit": 1e-12})

    work(study)

    assert (study.status, study.n_finished, study.n_pruned) == (Status.COMPLETED, 2, 2)
    assert study.best == []
    for trial in study.trials.all():
        assert (trial.state, trial.values, trial.is_pareto) == (PRUNED, [], False)
        assert [score["name"] for score in trial.scores] == ["KL divergence"]
        assert (trial.pruned["stage"], trial.pruned["stages"]) == (1, 2)
        assert "above the limit of 1e-12" in trial.pruned["reason"]
        assert not trial.response_sets.exists()
        assert trial.details["kernel"]
        assert trial.seconds > 0
    for one, trial in zip(told(study, settings), study.trials.order_by("number"), strict=True):
        assert (one.state, one.values) == (TrialState.PRUNED, None)
        assert one.constraints == {"KL divergence": trial.scores[0]["value"] - 1e-12}
    events = [event.payload for event in study.events.filter(kind=TrialPruned.kind)]
    assert [(one["n_finished"], one["n_pruned"]) for one in events] == [(1, 1), (2, 2)]
    assert events[0]["trial"]["pruned"]["stage"] == 1
    assert not study.events.filter(kind="trial_finished").exists()
    assert study_state(study)["remarks"] == [ALL_PRUNED]
    assert study_state(study)["recommended"] is None


def test_a_worker_lost_before_the_search_is_told_prunes_nothing_twice(
    start,  # noqa: F811
    monkeypatch,
    settings,
):
    study = start(n_trials=3, settings={"kl_limit": 1e-12})
    tell, n_told = trial_loop.tell, []

    def killed_at_second(optuna_study, row):
        if len(n_told) == 1:
            raise Killed
        n_told.append(row.number)
        tell(optuna_study, row)

    killed_once(study, monkeypatch, trial_loop, "tell", killed_at_second)

    assert (study.status, study.n_finished, study.n_pruned) == (Status.COMPLETED, 3, 3)
    assert len(set(parameters_of(study))) == study.trials.count() == 3
    assert [one.state for one in told(study, settings)] == [TrialState.PRUNED] * 3
    assert all(one.constraints for one in told(study, settings))


def test_a_beaten_trial_whose_objectives_are_all_known_teaches_the_search_their_values(
    start,  # noqa: F811
    settings,
):
    scorers = [
        {"scorer": "KLDivergence", "settings": {"prompts": "good"}},
        {
            "scorer": "UnchangedAnswers",
            "optimization": "none",
            "settings": {"prompts": "bad-test"},
        },
    ]
    study = start(n_trials=4, settings={"staged_evaluation": True, "scorers": scorers})

    work(study)

    pruned = study.trials.filter(state=PRUNED)
    assert pruned.exists()
    for trial in pruned:
        one = told(study, settings)[trial.number]
        assert (one.state, one.values) == (TrialState.COMPLETE, trial.values)
        assert trial.values == [trial.scores[0]["value"]]
        assert (trial.is_pareto, trial.pruned["stage"]) == (False, 1)


def test_a_fork_takes_over_no_pruned_trial_and_may_prune_where_the_original_did_not(
    original,  # noqa: F811
    make_trial,
):
    make_trial(original, 4, parameters=original.trials.first().parameters, state=PRUNED, values=[])

    plan = takeover_plan(original, fork_resolve(original, settings={"staged_evaluation": True}))

    assert [trial.number for trial in plan.trials] == [0, 1, 2]
    assert (plan.n_finished, plan.changed) == (3, [])
