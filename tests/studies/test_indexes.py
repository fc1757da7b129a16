"""Queries that must not read all there is: the plan that the database makes for each."""

import pytest
from django.db import connection

from studies.models import Study
from studies.selectors import studies_visible_to

pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL scans tables as small as these"
)


@pytest.mark.parametrize(
    ("index", "filters"),
    [
        ("study_newest", {}),
        ("study_status_newest", {"status": "failed"}),
        ("study_model_newest", {"model": "tiny/llama"}),
    ],
)
def test_lists_of_studies_are_read_in_their_order(db, index, filters):
    plan = Study.objects.filter(**filters).values_list("pk")[50:100].explain()

    assert index in plan
    assert "TEMP B-TREE" not in plan


def test_ones_own_studies_are_read_in_their_order(make_user):
    plan = studies_visible_to(make_user()).values_list("pk")[50:100].explain()

    assert "study_owner_newest" in plan
    assert "TEMP B-TREE" not in plan


def test_notes_are_found_without_reading_all_events(make_study):
    plan = make_study().events.filter(kind="note").order_by("number").explain()

    assert "event_notes" in plan
    assert "TEMP B-TREE" not in plan
