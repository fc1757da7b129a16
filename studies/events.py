"""A study's numbered events: stored first, then announced to open pages."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction
from django.db.models import F

from studies.models import Study, StudyEvent

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    kind: ClassVar = "status_changed"

    status: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseChanged:
    kind: ClassVar = "phase_changed"

    phase: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    kind: ClassVar = "note"

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLoaded:
    kind: ClassVar = "model_loaded"

    architecture: str
    n_layers: int
    components: dict[str, int]
    dtype: str
    device: str
    batch_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineScored:
    kind: ClassVar = "baseline_scored"

    scores: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    kind: ClassVar = "trial_started"

    trial: int  # Optuna's number; `number` is the event's own
    parameters: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    kind: ClassVar = "trial_finished"

    trial: Json  # as the API shows it
    front: list[int]  # numbers of the trials that are Pareto-optimal now
    n_finished: int
    recommended: int | None = None  # the front's compromise, by its number


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPruned:
    kind: ClassVar = "trial_pruned"

    trial: Json
    reason: str
    n_finished: int  # those that were pruned included
    n_pruned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFailed:
    kind: ClassVar = "trial_failed"

    trial: Json
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    kind: ClassVar = "extended"

    n_trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAnnotated:
    kind: ClassVar = "study_annotated"

    name: str
    notes: str
    tags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAnnotated:
    kind: ClassVar = "trial_annotated"

    trial: int
    note: str
    tags: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    kind: ClassVar = "enqueued"

    waiting: list[Json]  # everything that waits to be tried now, the next one first


Event = (
    StatusChanged
    | PhaseChanged
    | Noted
    | ModelLoaded
    | BaselineScored
    | TrialStarted
    | TrialFinished
    | TrialPruned
    | TrialFailed
    | Extended
    | StudyAnnotated
    | TrialAnnotated
    | Enqueued
)


def study_group(study_id: UUID) -> str:
    """Name the channel-layer group of a study's open pages."""
    return f"study.{study_id}"


def event_record(study_id: UUID, event: Event) -> StudyEvent:
    """Append an event and announce it once the transaction commits."""
    return events_record(study_id, [event])[0]


@transaction.atomic
def events_record(study_id: UUID, events: Sequence[Event]) -> list[StudyEvent]:
    """Append events in their order, and announce them once the transaction commits."""
    # The update locks the study's row until commit, so numbers have no gaps.
    Study.objects.filter(pk=study_id).update(event_count=F("event_count") + len(events))
    last = Study.objects.values_list("event_count", flat=True).get(pk=study_id)
    rows = StudyEvent.objects.bulk_create(
        StudyEvent(study_id=study_id, number=number, kind=event.kind, payload=asdict(event))
        for number, event in enumerate(events, start=last - len(events) + 1)
    )
    announce_after_commit(study_id)
    return rows


def announce_after_commit(study_id: UUID) -> None:
    """Hint to open pages that a study's rows have changed."""
    hint_after_commit(study_group(study_id), "study.changed")


def hint_after_commit(group: str, kind: str) -> None:
    """Send a hint without content to a group of open pages, once the transaction commits.

    Only a shared channel layer carries the hint between processes; without one, each web
    process notices by itself (`studies.relay`).
    """
    if not settings.REDIS_URL:
        return

    def announce() -> None:  # not a partial: Django logs __qualname__ when it fails
        layer = get_channel_layer()
        assert layer is not None
        async_to_sync(layer.group_send)(group, {"type": kind})

    # robust: without a channel layer, open pages are late; trials go on.
    transaction.on_commit(announce, robust=True)
