"""The search over parameters: Optuna on its own storage, asked and told one trial at a time."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy import Engine, create_engine, event, make_url, text

from studies.engine.errors import NonFiniteError
from studies.engine.parameters import Key
from studies.engine.search_space import (
    Parameters,
    distributions,
    draw,
    suggest,
    told,
    unflatten,
)
from studies.engine.values import Value

POSTGRES_SCHEMA = "optuna"
SQLITE_TIMEOUT = 30  # seconds that a writer waits for another
N_EI_CANDIDATES = 128  # the reference tool's, for the same search
_SEED_STRIDE = 1_000_003  # a prime: seeds of neighbouring studies never meet
_HOLDER = "holder"  # attribute of a running trial: who evaluates it
_STARTS = "starts"  # another: how often it was begun
_QUEUED = "queued"  # attribute of a trial that was enqueued: the row that asked for it
_DIRECTIONS = {"minimize": StudyDirection.MINIMIZE, "maximize": StudyDirection.MAXIMIZE}


def make_study(storage_url: str, name: str, objectives: Sequence[tuple[str, str]]) -> Study:
    """Create the study of that name, or open it as it stands.

    `objectives` are (scorer, "minimize" | "maximize").

    Raises:
        ValueError: the stored study has other directions.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directions = [_DIRECTIONS[direction] for _, direction in objectives]
    study = optuna.create_study(
        storage=_storage(storage_url),
        study_name=name,
        directions=directions,
        load_if_exists=True,
    )
    if study.directions != directions:
        raise ValueError(f"study {name} was stored with other directions: {study.directions}")
    return study


def sampler_for(seed: int | None, n_existing: int, n_startup_trials: int) -> TPESampler:
    """A sampler for the next trial alone.

    Its seed follows from the study's and from how many trials exist, so that a study which was
    interrupted goes on with the parameters that it would have drawn, and repeats none.
    """
    return TPESampler(
        seed=None if seed is None else (seed * _SEED_STRIDE + n_existing) % 2**32,
        n_startup_trials=n_startup_trials,
        n_ei_candidates=N_EI_CANDIDATES,
        multivariate=True,
    )


def count_trials(study: Study) -> int:
    """All trials ever asked for or taken over: what `sampler_for` counts from."""
    return _n_begun(study.get_trials(deepcopy=False))


def look(study: Study) -> int:
    """Count as `count_trials` does; until a trial is told, `ask` takes from it what has ended.

    What runs, each `ask` reads anew: trials keep away from those that were asked just before.
    """
    trials = study.get_trials(deepcopy=False)
    study._thread_local.cached_all_trials = trials  # noqa: SLF001 - no public way
    return _n_begun(trials)


def _n_begun(trials: Sequence[FrozenTrial]) -> int:
    return sum(trial.state is not TrialState.WAITING for trial in trials)


def add_complete(
    study: Study,
    parameters: Mapping[Key, float | str],
    values: Sequence[float],
    resolved: Mapping[Key, Value],
) -> None:
    """Add a finished trial that another study has run, in one step, as this one's next number.

    Raises:
        ValueError: a parameter lies outside the search space.
    """
    params = told(parameters, resolved)
    study.add_trial(
        create_trial(values=list(values), params=params, distributions=distributions(resolved))
    )


def enqueue(
    study: Study, key: int, parameters: Mapping[Key, float | str], resolved: Mapping[Key, Value]
) -> int:
    """Let the next `ask` take these parameters and return their trial's number.

    `key` names the trial to try: one that waits already is not added again.
    """
    waiting = _queued(study, key)
    if waiting is None:
        study.enqueue_trial(told(parameters, resolved), user_attrs={_QUEUED: key})
        waiting = _queued(study, key)
    assert waiting is not None
    return waiting


def states(study: Study) -> list[TrialState]:
    """The state of every trial, by its number."""
    return [trial.state for trial in study.get_trials(deepcopy=False)]


def _queued(study: Study, key: int) -> int | None:
    waiting = study.get_trials(deepcopy=False, states=[TrialState.WAITING])
    return next((one.number for one in waiting if one.user_attrs.get(_QUEUED) == key), None)


def ask(
    study: Study, resolved: Mapping[Key, Value], sampler: TPESampler, holder: str
) -> tuple[int, Parameters]:
    """The next trial and all its parameters, constants included; `holder` evaluates it.

    It is stored in one step: whatever dies leaves all of it or nothing. The parameters are
    those that Optuna's own `ask` would draw, which stores each of them in a step of its own.
    """
    params = draw(study, resolved, sampler)
    trial = create_trial(
        state=TrialState.RUNNING,
        params=params,
        distributions=distributions(resolved),
        user_attrs={_HOLDER: holder},
    )
    storage = study._storage  # noqa: SLF001 - `add_trial` does not say the number
    trial_id = storage.create_new_trial(study._study_id, trial)  # noqa: SLF001
    return storage.get_trial_number_from_id(trial_id), unflatten(params, resolved)


def ask_enqueued(
    study: Study, resolved: Mapping[Key, Value], sampler: TPESampler, holder: str
) -> tuple[int, Parameters]:
    """The trial that waits, if one does; as `ask`, but stored in many steps."""
    study.sampler = sampler
    trial = study.ask()
    parameters = suggest(trial, resolved)
    hold(study, trial.number, holder)
    return trial.number, parameters


def ask_on(
    study: Study, trial_number: int, resolved: Mapping[Key, Value], sampler: TPESampler
) -> Parameters:
    """All parameters of a trial that was cut off while they were sampled; those it had stay."""
    study.sampler = sampler
    frozen = study.get_trials(deepcopy=False)[trial_number]
    return suggest(Trial(study, frozen._trial_id), resolved)  # noqa: SLF001 - no public way


def tell_complete(study: Study, trial_number: int, values: Sequence[float]) -> None:
    """Store the objectives of a trial; if it had ended already, nothing changes.

    Raises:
        NonFiniteError: an objective is NaN or infinite; Optuna would take −inf for the best.
    """
    if not all(math.isfinite(value) for value in values):
        raise NonFiniteError(f"Trial {trial_number} has an objective that is not finite.")
    _tell(study, trial_number, values=list(values))


def tell_pruned(
    study: Study,
    trial_number: int,
    values: Sequence[float] = (),
    excess: Mapping[str, float] | None = None,
) -> None:
    """Store that a trial was ended on purpose; if it had ended already, nothing changes.

    What the sampler learns from is only what is true: `values`, if all objectives are known;
    how far a limit was exceeded (`excess`), by which it ranks such trials below all others; and
    of one that has neither, that it is worse than those with values.
    """
    frozen = study.get_trials(deepcopy=False)[trial_number]
    if frozen.state.is_finished():
        return
    trial = Trial(study, frozen._trial_id)  # noqa: SLF001 - no public way
    for name, by in (excess or {}).items():
        if name not in frozen.constraints:  # else a worker was lost right behind it
            trial.set_constraint(name, by)
    if values:
        tell_complete(study, trial_number, values)
    else:
        _tell(study, trial_number, state=TrialState.PRUNED)


def tell_failed(study: Study, trial_number: int) -> None:
    """Store that a trial gave no result; if it had ended already, nothing changes."""
    _tell(study, trial_number, state=TrialState.FAIL)


def hold(study: Study, trial_number: int, holder: str) -> None:
    """Note who evaluates a running trial; that lasts until another one takes it."""
    _note(study, trial_number, _HOLDER, holder)


def holder_of(trial: FrozenTrial) -> str:
    """Return who evaluates a running trial, or "" if nobody has begun with it."""
    return str(trial.user_attrs.get(_HOLDER, ""))


def count_starts(study: Study, trial_numbers: Iterable[int], by: int = 1) -> dict[int, int]:
    """Count how often running trials were begun, across crashes; return the new counts."""
    trials = study.get_trials(deepcopy=False)
    starts = {n: int(trials[n].user_attrs.get(_STARTS, 0)) + by for n in trial_numbers}
    for number, count in starts.items():
        _note(study, number, _STARTS, count)
    return starts


def _note(study: Study, trial_number: int, name: str, value: str | int) -> None:
    """Set an attribute of a running trial."""
    storage = study._storage  # noqa: SLF001 - no public way
    trial_id = storage.get_trial_id_from_study_id_trial_number(study._study_id, trial_number)  # noqa: SLF001
    storage.set_trial_user_attr(trial_id, name, value)


def _tell(study: Study, trial_number: int, **outcome: Any) -> None:  # noqa: ANN401 - tell's own
    study.tell(trial_number, skip_if_finished=True, **outcome)


def _storage(url: str) -> RDBStorage:
    if not url.startswith("sqlite"):
        return RDBStorage(_postgres_url(url), engine_kwargs={"pool_pre_ping": True})
    storage = RDBStorage(url, engine_kwargs={"connect_args": {"timeout": SQLITE_TIMEOUT}})
    _write_ahead(storage.engine)
    return storage


def _postgres_url(url: str) -> str:
    """Name the driver that is installed, and keep Optuna's tables in a schema of their own.

    The schema is made here; libpq's `options` make it the one that Optuna finds first.
    """
    _, _, rest = url.partition("://")
    plain = f"postgresql+psycopg://{rest}"
    engine = create_engine(plain)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {POSTGRES_SCHEMA}"))
    engine.dispose()
    chosen = make_url(plain).update_query_dict({"options": f"-csearch_path={POSTGRES_SCHEMA}"})
    return chosen.render_as_string(hide_password=False)


def _write_ahead(engine: Engine) -> None:
    """Readers no longer block the writer, nor it them."""

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:  # noqa: ANN401 - any driver's
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    engine.dispose()  # connections made before do not have it
