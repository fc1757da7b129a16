import pytest

from studies.models import ModelOverride
from tests.web.admin_forms import errors_of

URL = "/admin/studies/modeloverride/add/"
ROW = {
    "pattern": "google/*",
    "method": "directional",
    "parameter": "max_weight",
    "component": "",
    "kind": "float",
    "low": "0",
    "high": "1",
}


def test_an_override_for_every_preset_is_saved_without_a_preset(admin_client):
    assert admin_client.post(URL, ROW).status_code == 302

    row = ModelOverride.objects.get()
    assert row.profile is None
    assert row.raw == {"low": 0, "high": 1}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "pattern"),  # the same again
        ({"pattern": "*google/"}, "pattern"),  # as specific, and both match google/google/
        ({"pattern": "*google/", "component": "attn.o_proj"}, "pattern"),
        ({"pattern": "other/*", "high": "-1"}, "high"),
    ],
)
def test_an_override_that_ties_or_is_bad_is_refused(admin_client, change, field):
    admin_client.post(URL, ROW)

    assert list(errors_of(admin_client.post(URL, ROW | change))) == [field]
    assert ModelOverride.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [{"pattern": "google/gemma*"}, {"pattern": "*google/", "parameter": "min_weight_relative"}],
)
def test_overrides_that_cannot_be_confused_live_together(admin_client, change):
    admin_client.post(URL, ROW)

    assert admin_client.post(URL, ROW | change).status_code == 302
