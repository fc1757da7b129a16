import pytest

from studies.models import ModelOverride


@pytest.fixture
def caller(api, make_user):
    return api(make_user())


def test_active_presets_are_listed(caller, make_profile):
    base = make_profile("refusals", name="Refusals", description="Published sets.")
    make_profile("child", name="Child", parent=base, model="a/b")
    make_profile("gone", name="Gone", is_active=False)

    answer = caller.get("profiles").json()

    assert answer["count"] == 2
    assert [(p["slug"], p["parent"]) for p in answer["items"]] == [
        ("child", "refusals"),
        ("refusals", None),
    ]
    assert caller.get("profiles/gone").status_code == 404
    assert caller.get("profiles/nothing").status_code == 404


def test_a_preset_shows_what_it_sets_itself(caller, make_profile):
    profile = make_profile()
    spec = profile.specs.model(profile=profile, parameter="max_weight", component="mlp.down_proj")
    spec.raw = {"low": 0, "high": 0.5}
    spec.save()

    answer = caller.get("profiles/refusals").json()

    assert answer["parameters"] == {"max_weight": {"mlp.down_proj": {"low": 0, "high": 0.5}}}
    assert answer["settings"]["n_trials"] == 40
    assert answer["method"] == "directional"


def test_resolving_says_who_decided_before_anything_is_started(caller, make_profile):
    make_profile()
    override = ModelOverride(pattern="tiny/*", parameter="direction_scope")
    override.raw = "global"
    override.save()

    response = caller.post(
        "profiles/refusals/resolve",
        {"model": "tiny/llama", "n_layers": 5, "parameters": {"max_weight": 1.5}},
    )

    assert response.status_code == 200
    answer = response.json()
    by_name = {}
    for row in answer["parameters"]:
        by_name.setdefault(row["name"], row)
    assert by_name["max_weight"]["source"] == "this study"
    assert (by_name["max_weight"]["value"], by_name["max_weight"]["sampled"]) == (1.5, False)
    assert by_name["direction_scope"]["source"] == "model override: tiny/*"
    fractions = [row for row in answer["parameters"] if row["layers"] is not None]
    assert fractions
    settings = {s["name"]: s for s in answer["settings"]}
    assert (settings["n_trials"]["value"], settings["n_trials"]["source"]) == (40, "Refusals")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"model": "a/b", "n_layers": 0}, "n_layers"),
        ({"model": "a/b", "n_layers": 2.5}, "n_layers"),
        ({"model": 7}, "model"),
        ({"parameters": []}, "parameters"),
        ({"parameters": {"max_weight": {"low": 2, "high": 1}}}, "parameters.max_weight"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_cannot_be_resolved_is_refused_at_its_place(caller, make_profile, body, place):
    make_profile()

    response = caller.post("profiles/refusals/resolve", body)

    assert response.status_code == 422
    assert all(e["place"].startswith(place) for e in response.json()["errors"])


def test_untouched_layers_are_resolved_to_indices_or_refused_at_their_place(caller, make_profile):
    make_profile()

    def resolve(**settings):
        body = {"n_layers": 5, "settings": settings}
        return caller.post("profiles/refusals/resolve", body)

    answer = resolve(untouched_layer_fractions=[{"low": 0.5, "high": 1}]).json()
    rows = {row["name"]: row["layers"] for row in answer["settings"]}
    assert rows["untouched_layer_fractions"] == [2, 3, 4]
    assert rows["n_trials"] is None
    refused = resolve(untouched_layers=[0, 5])
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"place": "settings.untouched_layers[1]", "message": "model has layers 0–4 (got 5)"}
    ]
