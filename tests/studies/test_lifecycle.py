import itertools

import pytest

from studies.lifecycle import TRANSITIONS, StatusConflictError, study_transition
from studies.models import Study

Status = Study.Status


@pytest.mark.parametrize(("current", "wanted"), list(itertools.product(Status, Status)))
def test_only_listed_transitions_happen_and_each_is_recorded_once(make_study, current, wanted):
    study = make_study(status=current)

    if wanted in TRANSITIONS[current]:
        study_transition(study.pk, to=wanted)
    else:
        with pytest.raises(StatusConflictError):
            study_transition(study.pk, to=wanted)

    study.refresh_from_db()
    moved = wanted in TRANSITIONS[current]
    assert study.status == (wanted if moved else current)
    assert study.events.count() == (1 if moved else 0)


def test_a_failure_keeps_its_reason_until_the_next_move(make_study):
    study = make_study(status=Status.RUNNING)

    failed = study_transition(
        study.pk, to=Status.FAILED, reason="No space left.", error_code="disk_full"
    )
    assert (failed.error, failed.error_code) == ("No space left.", "disk_full")

    queued = study_transition(study.pk, to=Status.QUEUED)
    assert (queued.error, queued.error_code) == ("", "")


def test_every_status_says_which_actions_its_page_offers():
    from studies.selectors.studies import ACTIONS

    assert set(ACTIONS) == set(Status)
