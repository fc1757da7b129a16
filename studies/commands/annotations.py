"""What people write about studies and trials, and their thumbs up or down."""

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.engine.annotations import StudyAnnotation, TrialAnnotation
from studies.events import StudyAnnotated, TrialAnnotated, event_record
from studies.models import AnswerLabel, Study, StudyTag, Trial, TrialTag


@transaction.atomic
def study_annotate(study: Study, change: StudyAnnotation) -> Study:
    """Change a study's name, notes or tags; what `change` leaves out stays."""
    if change.name is not None:
        study.name = change.name
    if change.notes is not None:
        study.notes = change.notes
    # First the row, then what hangs on it: two requests at once follow one another.
    study.save(update_fields=["name", "notes"])
    if change.tags is not None:
        study.tag_rows.exclude(tag__in=change.tags).delete()
        rows = [StudyTag(study=study, tag=tag) for tag in change.tags]
        StudyTag.objects.bulk_create(rows, ignore_conflicts=True)
    event_record(
        study.pk,
        StudyAnnotated(name=study.name, notes=study.notes, tags=_tags(study.tag_rows.all())),
    )
    return study


@transaction.atomic
def trial_annotate(trial: Trial, change: TrialAnnotation) -> Trial:
    """Change a trial's note or tags; what `change` leaves out stays."""
    if change.note is not None:
        trial.note = change.note
    trial.save(update_fields=["note"])
    if change.tags is not None:
        trial.tag_rows.exclude(tag__in=change.tags).delete()
        rows = [TrialTag(trial=trial, tag=tag) for tag in change.tags]
        TrialTag.objects.bulk_create(rows, ignore_conflicts=True)
    event_record(
        trial.study_id,
        TrialAnnotated(trial=trial.number, note=trial.note, tags=_tags(trial.tag_rows.all())),
    )
    return trial


def answer_label(
    user: AbstractBaseUser, trial: Trial, prompts_digest: str, index: int, *, is_good: bool | None
) -> None:
    """Keep a user's thumb for one answer, in place of an earlier one; None takes it back."""
    which = {"user_id": user.pk, "trial": trial, "prompts_digest": prompts_digest, "index": index}
    if is_good is None:
        AnswerLabel.objects.filter(**which).delete()
    else:
        AnswerLabel.objects.update_or_create(**which, defaults={"is_good": is_good})


def _tags(rows: Iterable[StudyTag] | Iterable[TrialTag]) -> list[str]:
    return [row.tag for row in rows]
