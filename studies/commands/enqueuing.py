"""Asking a study to try certain parameters before the search goes on choosing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.engine.errors import InvalidInputError, Problem
from studies.engine.fit import Point, parse_trial
from studies.engine.methods import method_get
from studies.engine.methods.schema import Method
from studies.engine.parameters import Key, nest
from studies.engine.problems import MAX_PROBLEMS
from studies.engine.values import Value, parse_value
from studies.events import Enqueued, event_record
from studies.lifecycle import StatusConflictError
from studies.models import QueuedTrial, Study, Trial
from studies.models.study import StudyStatus as Status
from studies.selectors import studies_visible_to, waiting_trials

Json = Mapping[str, Any]
MAX_WAITING = 200  # of one study: each event of it carries them all
PLACE = "enqueue"


@transaction.atomic
def study_enqueue(user: AbstractBaseUser, study: Study, entries: Sequence[Json]) -> Study:
    """Let a study try these parameters next; one that has ended tries them when it is extended.

    Raises:
        InvalidInputError: an entry cannot be taken; nothing is enqueued then.
        StatusConflictError: the study has failed, or is about to stop.
    """
    if not entries:
        raise InvalidInputError([Problem(PLACE, "needs at least one trial")])
    rows = Study.objects.select_for_update(of=("self",)).select_related("profile", "owner")
    study = rows.get(pk=study.pk)
    if study.status in (Status.FAILED, Status.STOPPING):
        raise StatusConflictError(study.status, "one with more trials to try")
    trials_enqueue(user, study, entries)
    event_record(study.pk, Enqueued(waiting=waiting_trials(study)))
    study.refresh_from_db(fields=["event_count"])
    return study


def trials_enqueue(user: AbstractBaseUser, study: Study, entries: Sequence[Json]) -> None:
    """Store the trials that a study is to try first, in their order.

    Raises:
        InvalidInputError: an entry cannot be taken, each fault with its place.
    """
    waiting = study.queued_trials.filter(trial__isnull=True).count()
    if waiting + len(entries) > MAX_WAITING:
        message = f"makes {waiting + len(entries)} trials that wait; at most {MAX_WAITING} can"
        raise InvalidInputError([Problem(PLACE, message)])
    method = method_get(study.snapshot["method"])
    space = {
        key: parse_value(str(key), row["value"])
        for row in study.snapshot["parameters"]
        for key in [Key(row["name"], row["component"])]
    }
    QueuedTrial.objects.bulk_create(
        QueuedTrial(study=study, parameters=nest(parameters), origin=origin)
        for parameters, origin in entries_read(user, method, space, entries)
    )


def entries_read(
    user: AbstractBaseUser, method: Method, space: Mapping[Key, Value], entries: Sequence[Json]
) -> list[tuple[dict[Key, Point], Trial | None]]:
    """Check what is to be tried against a search space: typed values, or a trial of a study.

    Raises:
        InvalidInputError: all faults, each with its place.
    """
    problems: list[Problem] = []
    taken = []
    for index, entry in enumerate(entries):
        place = f"{PLACE}[{index}]"
        try:
            origin = _origin(user, method, entry, place)
            raw = origin.parameters if origin else entry.get("parameters")
            at = place if origin else f"{place}.parameters"
            taken.append((parse_trial(method, raw, space, at), origin))
        except InvalidInputError as error:
            problems += error.problems
    if problems:
        raise InvalidInputError(problems[:MAX_PROBLEMS])
    return taken


def _origin(user: AbstractBaseUser, method: Method, entry: Json, place: str) -> Trial | None:
    """The trial that an entry names, or None: its values are typed."""
    if problems := list(_shape_problems(entry, place)):
        raise InvalidInputError(problems)
    if entry.get("study") is None:
        return None
    number = entry["number"]
    visible = studies_visible_to(user).filter(pk=entry["study"])
    trial = Trial.objects.filter(study__in=visible, number=number).select_related("study").first()
    if trial is None:
        raise InvalidInputError([Problem(place, f"there is no trial {number} of that study")])
    if trial.study.snapshot["method"] != method.name:
        raise InvalidInputError([Problem(place, "is a trial of another method")])
    return trial


def _shape_problems(entry: Json, place: str) -> Iterator[Problem]:
    """An entry has `parameters`, or `study` and `number`."""
    named = [name for name in ("study", "number") if entry.get(name) is not None]
    if entry.get("parameters") is not None:
        if named:
            yield Problem(place, f"has parameters, so it cannot have {named[0]} as well")
    elif not named:
        yield Problem(place, "needs parameters, or a study and the number of its trial")
    elif len(named) == 1:
        missing = "number" if named == ["study"] else "study"
        yield Problem(f"{place}.{missing}", "is required")
