"""The search: what it samples, and that an interrupted one goes on without repeating itself."""

import math
import sqlite3

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from studies.engine.errors import NonFiniteError
from studies.engine.parameters import Key
from studies.engine.search import (
    add_complete,
    ask,
    ask_enqueued,
    count_starts,
    count_trials,
    enqueue,
    holder_of,
    look,
    make_study,
    sampler_for,
    states,
    tell_complete,
    tell_failed,
)
from studies.engine.search_space import sampled_keys, suggest, unflatten
from studies.engine.values import Range

OBJECTIVES = [("Keywords", "minimize"), ("Unchanged answers", "maximize")]
WEIGHT, OTHER = Key("max_weight", "attn.o_proj"), Key("max_weight", "mlp.down_proj")
SPACE = {
    WEIGHT: Range(low=0.5, high=1.5),
    OTHER: 0.25,
    Key("scope"): ("global", "per layer"),
    Key("rate"): Range(low=1e-4, high=1.0, log=True),
    Key("layer"): Range(low=2, high=9, integer=True, step=2),
    Key("count"): Range(low=1, high=1000, integer=True, log=True),
    Key("share"): Range(low=0, high=1, step=0.3),
    Key("one"): ("only",),
    Key("point"): Range(low=0.7, high=0.7),
}


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'search.sqlite3'}"


def asked(study, seed=3, n_startup=4, by=ask, space=SPACE):
    """Ask for the next trial: its number and parameters."""
    return by(study, space, sampler_for(seed, look(study), n_startup), "me")


def run(study, n_trials, seed=3, by=ask):
    """Run trials to the end; the parameters of each."""
    seen = []
    for _ in range(n_trials):
        number, parameters = asked(study, seed, by=by)
        weight = parameters[WEIGHT]
        tell_complete(study, number, [abs(weight - 1), 1 - abs(weight - 0.9)])
        seen.append(tuple(parameters.items()))
    return seen


def test_constants_are_kept_as_typed_and_not_sampled(url):
    study = make_study(url, "s", OBJECTIVES)
    number, parameters = asked(study)
    sampled = [WEIGHT, *map(Key, ("scope", "rate", "layer", "count", "share"))]
    assert sampled_keys(SPACE) == sorted(sampled)
    assert list(parameters) == list(SPACE)
    assert (parameters[OTHER], parameters[Key("one")], parameters[Key("point")]) == (
        0.25, "only", 0.7,
    )  # fmt: skip
    assert set(study.trials[number].params) == set(map(str, sampled))


def test_samples_respect_their_kind_of_range():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [suggest(study.ask(), SPACE) for _ in range(60)]
    assert all(0.5 <= one[WEIGHT] <= 1.5 for one in drawn)
    assert {one[Key("scope")] for one in drawn} == {"global", "per layer"}
    assert {one[Key("layer")] for one in drawn} == {2, 4, 6, 8}
    assert {one[Key("share")] for one in drawn} == {0.0, 0.3, 0.6, 0.9}  # 0.9, to the last digit
    counts = sorted(one[Key("count")] for one in drawn)
    assert all(isinstance(count, int) for count in counts)
    assert (counts[0] >= 1, counts[-1] <= 1000, 5 < counts[30] < 200) == (True, True, True)
    rates = sorted(one[Key("rate")] for one in drawn)
    assert 1e-3 < rates[30] < 1e-1, "a log range has its median at the geometric mean"


def test_a_stored_trial_gives_back_all_its_parameters(url):
    study = make_study(url, "s", OBJECTIVES)
    drawn = [asked(study) for _ in range(5)]
    for number, _ in drawn:
        tell_complete(study, number, [0.0, 1.0])
    stored = make_study(url, "s", OBJECTIVES).trials
    assert [unflatten(one.params, SPACE) for one in stored] == [found for _, found in drawn]


def test_an_interrupted_study_goes_on_as_if_nothing_had_happened(tmp_path):
    straight = run(make_study(f"sqlite:///{tmp_path}/a.sqlite3", "s", OBJECTIVES), 12)
    other = f"sqlite:///{tmp_path}/b.sqlite3"
    resumed = run(make_study(other, "s", OBJECTIVES), 5)
    resumed += run(make_study(other, "s", OBJECTIVES), 7)
    assert resumed == straight
    assert len(set(straight)) == 12


def test_a_trial_is_drawn_as_optuna_itself_would(tmp_path):
    def drawn(by):
        study = make_study(f"sqlite:///{tmp_path}/{by.__name__}.sqlite3", "s", OBJECTIVES)
        alone = run(study, 6, by=by)
        n_existing = look(study)
        return alone, [
            by(study, SPACE, sampler_for(3, n_existing + n, 4), "me") for n in range(4)
        ]  # none of which has ended while the next is drawn

    assert drawn(ask) == drawn(ask_enqueued)


def test_a_trial_is_stored_whole_or_not_at_all(url, monkeypatch):
    study = make_study(url, "s", OBJECTIVES)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(RDBStorage, "_set_trial_attr_without_commit", failing)  # the last step
        asked(study)
    assert count_trials(make_study(url, "s", OBJECTIVES)) == 0


def failing(*args):
    raise RuntimeError


def test_two_studies_with_different_seeds_differ(tmp_path):
    first, second = (
        run(make_study(f"sqlite:///{tmp_path}/{seed}.sqlite3", "s", OBJECTIVES), 2, seed=seed)
        for seed in (1, 2)
    )
    assert not set(first) & set(second)


def test_largest_seed_and_trial_count_still_make_a_seed():
    sampler_for(2**32 - 1, 20_000, 60)
    sampler_for(None, 0, 60)


def test_the_search_is_the_references(url):
    sampler = sampler_for(1, 0, 60)
    assert sampler._multivariate is True
    assert (sampler._n_startup_trials, sampler._n_ei_candidates) == (60, 128)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_told(url, value):
    study = make_study(url, "s", OBJECTIVES)
    number, _ = asked(study)
    with pytest.raises(NonFiniteError):
        tell_complete(study, number, [0.5, value])
    tell_failed(study, number)
    assert study.trials[0].state is TrialState.FAIL


def test_telling_twice_changes_nothing(url):
    study = make_study(url, "s", OBJECTIVES)
    number, _ = asked(study)
    for values in ([0.5, 0.5], [0.1, 0.9]):
        tell_complete(study, number, values)
    tell_failed(study, number)
    assert study.trials[0].state is TrialState.COMPLETE
    assert study.trials[0].values == [0.5, 0.5]


def test_a_trial_whose_worker_died_keeps_its_number_parameters_and_starts(url):
    study = make_study(url, "s", OBJECTIVES)
    run(study, 2)
    lost, parameters = asked(study)
    assert count_starts(study, [lost]) == {lost: 1}  # and the worker dies
    study = make_study(url, "s", OBJECTIVES)
    (frozen,) = study.get_trials(states=[TrialState.RUNNING])
    assert (frozen.number, unflatten(frozen.params, SPACE)) == (lost, parameters)
    assert holder_of(frozen) == "me"
    assert count_starts(study, [lost]) == {lost: 2}
    assert count_starts(study, [lost], by=-1) == {lost: 1}
    tell_complete(study, lost, [0.5, 0.5])
    assert count_trials(study) == 3


def test_a_trial_that_died_while_it_was_sampled_is_seen_to_lack_parameters():
    with pytest.raises(KeyError):
        unflatten({str(WEIGHT): 1.0}, SPACE)


def test_a_study_is_not_opened_with_other_objectives(url):
    make_study(url, "s", OBJECTIVES)
    with pytest.raises(ValueError, match="other directions"):
        make_study(url, "s", OBJECTIVES[::-1])


def test_a_single_objective_works_too(url):
    study = make_study(url, "s", OBJECTIVES[:1])
    for _ in range(3):
        number, _ = asked(study, n_startup=1)
        tell_complete(study, number, [0.5])
    assert [trial.value for trial in study.trials] == [0.5] * 3


def test_sqlite_writes_ahead_so_that_readers_do_not_block_the_worker(url, tmp_path):
    make_study(url, "s", OBJECTIVES)
    with sqlite3.connect(tmp_path / "search.sqlite3") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


TAKEN = {
    WEIGHT: 1.25,
    OTHER: 0.25,
    Key("scope"): "global",
    Key("rate"): 0.5,
    Key("layer"): 4.0,
    Key("count"): 10.0,
    Key("share"): 0.3,
    Key("one"): "only",
    Key("point"): 0.7,
}


def test_a_trial_of_another_study_is_history_in_the_same_space(url):
    study = make_study(url, "s", OBJECTIVES)

    add_complete(study, TAKEN, [0.5, 0.25], SPACE)

    own, _ = asked(study, n_startup=1)
    taken = study.trials[0]
    assert (taken.state, taken.values) == (TrialState.COMPLETE, [0.5, 0.25])
    assert taken.distributions == study.trials[own].distributions
    assert unflatten(taken.params, SPACE) == TAKEN
    assert own == 1


@pytest.mark.parametrize("outside", [{WEIGHT: 1.6}, {Key("scope"): "none"}, {Key("layer"): 3}])
def test_a_trial_outside_the_space_is_no_history(url, outside):
    with pytest.raises(ValueError, match=r"contain|not in"):
        add_complete(make_study(url, "s", OBJECTIVES), TAKEN | outside, [0.5, 0.25], SPACE)


def test_an_enqueued_trial_is_the_next_and_the_search_fills_the_rest(url):
    study = make_study(url, "s", OBJECTIVES)
    run(study, 2)

    number = enqueue(study, 7, {WEIGHT: 1.25}, SPACE)

    assert enqueue(study, 7, {WEIGHT: 1.25}, SPACE) == number
    assert states(study) == [TrialState.COMPLETE] * 2 + [TrialState.WAITING]
    tried, parameters = asked(study, by=ask_enqueued)
    assert (tried, parameters[WEIGHT]) == (number, 1.25)
    assert parameters.keys() == SPACE.keys()
    assert holder_of(study.trials[number]) == "me"


def test_what_waits_does_not_count_so_that_no_draw_comes_twice(url):
    study = make_study(url, "s", OBJECTIVES)
    run(study, 2)
    enqueue(study, 1, {WEIGHT: 1.25}, SPACE)
    assert count_trials(study) == 2

    _, first = asked(study, by=ask_enqueued)
    _, second = asked(study)

    assert first[Key("rate")] != second[Key("rate")]
