"""A new study out of a frozen one: what it would run with, and which trials it takes over."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import QuerySet

from studies.engine import parameters as engine
from studies.engine.errors import InvalidInputError
from studies.engine.fit import Misfit, Point, misfits
from studies.engine.measured import measured_differently
from studies.engine.methods import method_get
from studies.engine.parameters import Key, Layer, Resolved
from studies.engine.settings import ResolvedSetting, resolve_settings
from studies.engine.values import Value, parse_value
from studies.models import QueuedTrial, Study, Trial
from studies.parameters import (
    DRAWN,
    STUDY,
    Resolution,
    components_asked,
    model_facts,
    study_values,
)

Json = dict[str, Any]
SHOWN_TRIALS = 20  # numbers listed for one reason
SHOWN_REASONS = 20


def fork_resolve(
    study: Study,
    *,
    parameters: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Resolution:
    """Resolve a study's frozen values with the fork's own on top; presets have no say any more.

    The chain goes on where the original's ended; what the original set itself is named after it.
    A fork draws a seed of its own, so that it does not go through the original's draws again.

    Raises:
        InvalidInputError: the fork's values cannot be taken, each fault with its place.
    """
    snapshot = study.snapshot
    method = method_get(snapshot["method"])
    own_parameters, own_settings, problems = study_values(method, parameters, settings)
    if problems:
        raise InvalidInputError(problems)
    rows = [*snapshot["parameters"], *snapshot.get("further_parameters", ())]
    old = {Key(row["name"], row["component"]): row for row in rows}
    old_settings = {row["name"]: row for row in snapshot["settings"]}
    fresh_settings = resolve_settings(method, [(STUDY, own_settings)])
    resolved = {
        name: _setting_after(study, old_settings.get(name), setting)
        for name, setting in fresh_settings.items()
    } | {
        name: _setting_after(study, row, None)
        for name, row in old_settings.items()
        if name not in fresh_settings
    }
    if "seed" not in own_settings:
        seed = resolved["seed"]
        chain = (*seed.chain, (seed.source, seed.value))
        resolved["seed"] = replace(seed, value=None, source=DRAWN, chain=chain)
    layers, (shown, further) = [Layer(STUDY, own_parameters)], _components(study, resolved)
    fresh, rest = (engine.resolve(method, layers, names) for names in (shown, further))
    return Resolution(
        method=method,
        parameters={key: _after(study, old.get(key), one) for key, one in fresh.items()},
        settings=resolved,
        n_layers=study.n_layers,
        further={
            key: _after(study, old.get(key), one) for key, one in rest.items() if key.component
        },
    )


def _components(
    study: Study, settings: Mapping[str, ResolvedSetting]
) -> tuple[list[str], list[str]]:
    """The components of a fork's table, and those that its model may turn out to have as well.

    Raises:
        InvalidInputError: its settings name a component or a layer that the model lacks.
    """
    method, facts = method_get(study.snapshot["method"]), model_facts(study.model)
    shown, further = components_asked(method, facts, study.n_layers, settings)
    if facts and facts.components:
        return shown, further
    # The model is not here: what its study has found out stays, unless other components are
    # asked for; the worker leaves out what the model turns out to lack.
    setting = settings["target_components"]
    asked = setting.value if isinstance(setting.value, list) else None
    found = [one for one in components_of(study.snapshot) if asked is None or one in asked]
    if setting.source == STUDY or not found:
        found = list(dict.fromkeys([*found, *shown]))
    return found, [one for one in further if one not in found]


def components_of(snapshot: Mapping[str, Any]) -> tuple[str, ...]:
    """The components that a frozen search space speaks of."""
    names = (row["component"] for row in snapshot["parameters"] if row["component"])
    return tuple(dict.fromkeys(names))


def _after(study: Study, row: Json | None, fresh: Resolved) -> Resolved:
    """What the original said of a parameter, then what the fork says."""
    if row is None:  # the method has got it since
        return fresh
    key = fresh.key
    said = [(source, parse_value(str(key), value)) for source, value in _frozen(study, row)]
    said += [*fresh.chain, (fresh.source, fresh.value)][1:]  # without the method's default
    *chain, (source, value) = said
    return Resolved(key, value, source, tuple(chain))


def _setting_after(
    study: Study, row: Json | None, fresh: ResolvedSetting | None
) -> ResolvedSetting:
    if row is None:
        assert fresh is not None
        return fresh
    said = list(_frozen(study, row))
    if fresh is not None and fresh.source == STUDY:
        said.append((STUDY, fresh.value))
    *chain, (source, value) = said
    return ResolvedSetting(row["name"], value, source, tuple(chain))


def _frozen(study: Study, row: Json) -> Iterator[tuple[str, Any]]:
    """What decided in the original, oldest first; "this study" was that one, not the fork."""
    renamed = {STUDY: f'study "{study.name}"', DRAWN: f'drawn for study "{study.name}"'}
    for decision in (*row["chain"], row):
        yield renamed.get(decision["source"], decision["source"]), decision["value"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One reason why trials stay behind."""

    reason: str  # 'max_weight["mlp.down_proj"] is above 0.5'
    example: str  # 'max_weight["mlp.down_proj"] = 0.9 is above 0.5'
    numbers: list[int] = field(default_factory=list)

    def as_json(self) -> Json:
        count, numbers = len(self.numbers), self.numbers[:SHOWN_TRIALS]
        return {
            "reason": self.reason, "example": self.example, "count": count, "trials": numbers
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Takeover:
    """Which finished trials of a study a fork starts with, and why not the others."""

    trials: list[Trial]  # number and parameters only
    # Of the original with all their scores, those that it has taken over itself included.
    n_finished: int
    changed: list[str]  # settings by which the fork measures something else: no trial fits then
    left_out: list[LeftOut]  # the most frequent reason first; a trial may have several

    @property
    def sentence(self) -> str:
        """The whole in words, for the fork's page."""
        if not self.n_finished:
            return "The original has no finished trial to take over."
        if self.changed:
            return (
                f"None of the {self.n_finished} finished trials is taken over, since the fork "
                f"measures something else: {', '.join(self.changed)} changed."
            )
        taken = len(self.trials)
        start = f"{taken} of {self.n_finished} finished trials fit and are taken over."
        if taken == self.n_finished:
            return start
        return f"{start} Left out: " + "; ".join(
            f"{one.reason} ({len(one.numbers)}, such as trial {one.numbers[0]}: {one.example})"
            for one in self.left_out[:3]
        )

    def as_json(self) -> Json:
        """The takeover as the preview shows it and the fork keeps it."""
        return {
            "n_finished": self.n_finished,
            "n_taken_over": len(self.trials),
            "n_left_out": self.n_finished - len(self.trials),
            "changed": self.changed,
            "left_out": [one.as_json() for one in self.left_out[:SHOWN_REASONS]],
            "sentence": self.sentence,
        }


def takeover_plan(study: Study, resolution: Resolution) -> Takeover:
    """Choose the original's finished trials that the fork's search could have tried itself.

    A takeover is sound only where the same is measured, so one changed setting of the
    measurement leaves all of them behind.
    """
    trials = list(_finished(study))
    old = {row["name"]: row["value"] for row in study.snapshot["settings"]}
    new = {name: setting.value for name, setting in resolution.settings.items()}
    components = components_of(study.snapshot)
    changed = measured_differently(resolution.method, old, new, components)
    if changed:
        return Takeover([], len(trials), changed, [])
    fitting, left_out = _sorted_out(trials, resolution.space)
    return Takeover(fitting, len(trials), [], left_out)


def _finished(study: Study) -> QuerySet[Trial]:
    finished = study.trials.filter(state=Trial.State.COMPLETE).order_by("number")
    return finished.only("number", "parameters")  # scores and kernels are many times larger


def _sorted_out(
    trials: Sequence[Trial], space: Mapping[Key, Value]
) -> tuple[list[Trial], list[LeftOut]]:
    fitting = []
    found: dict[str, list[tuple[Trial, Misfit]]] = defaultdict(list)
    for trial in trials:
        reasons = misfits(parameters_of(trial), space)
        if not reasons:
            fitting.append(trial)
        for one in reasons:
            found[one.summary].append((trial, one))
    left_out = [
        LeftOut(reason, str(cases[0][1]), [trial.number for trial, _ in cases])
        for reason, cases in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
    return fitting, left_out


def parameters_of(trial: Trial | QueuedTrial) -> dict[Key, Point]:
    """A stored trial's parameters by key."""
    return {
        key: value
        for key, value in engine.flat(trial.parameters).items()
        if isinstance(value, int | float | str)
    }
