"""The admin in a browser: rows that fill themselves, the table that follows, pages that fit."""

import pytest
from playwright.sync_api import expect

from studies import commands
from studies.models import ParameterSpec

pytestmark = pytest.mark.browser


@pytest.fixture
def preset(make_profile):
    return make_profile("mine", name="Mine", settings={"n_trials": 50})


@pytest.fixture
def admin(make_user, owner):
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def form(visit, admin, preset):
    """The parameters' tab of a preset, with one empty row."""
    visitor = visit(user=admin)
    page = visitor.goes_to(f"/admin/studies/profile/{preset.pk}/change/#specs")
    page.get_by_text("Add another Parameter").click()
    yield page
    assert visitor.complaints == []


def field(page, name):
    return page.locator(f"[name='specs-0-{name}']")


def test_choosing_a_parameter_fills_its_default_and_shows_what_its_kind_needs(form):
    field(form, "parameter").select_option("max_weight")

    expect(field(form, "low")).to_have_value("0.8")
    expect(field(form, "high")).to_have_value("1.5")
    expect(field(form, "choices")).to_be_hidden()
    expect(form.locator(".row-unit").first).to_have_text("weight, -10 to 10")

    field(form, "component").fill("mlp.down_proj")
    field(form, "component").blur()
    expect(field(form, "low")).to_have_value("-0.25")  # the component's own default

    field(form, "parameter").select_option("direction_scope")
    expect(field(form, "choices")).to_have_value("global, per layer")
    expect(field(form, "low")).to_be_hidden()
    expect(field(form, "component")).to_have_value("")
    expect(field(form, "component")).not_to_be_editable()
    expect(field(form, "kind").locator("option[value='float']")).to_be_disabled()

    field(form, "kind").select_option("constant")
    expect(field(form, "constant")).to_be_visible()
    expect(field(form, "choices")).to_be_hidden()


def test_what_was_typed_is_not_overwritten_by_a_default(form):
    field(form, "parameter").select_option("max_weight")
    field(form, "low").fill("0.1")

    field(form, "parameter").select_option("min_weight_relative")

    expect(field(form, "low")).to_have_value("0.1")


def test_components_are_suggested_only_where_a_parameter_has_them(form):
    field(form, "parameter").select_option("direction_fraction")
    expect(field(form, "component")).not_to_have_attribute("list", "id_specs-0-component")
    expect(field(form, "component")).not_to_be_editable()

    field(form, "parameter").select_option("max_weight")
    listed = field(form, "component").get_attribute("list")
    values = form.locator(f"datalist#{listed} option").evaluate_all("all => all.map(o => o.value)")
    assert {"attn.o_proj", "mlp.down_proj"} <= set(values)


def test_the_table_follows_the_unsaved_form_and_nothing_is_saved(form):
    field(form, "parameter").select_option("max_weight")
    field(form, "high").fill("0.9")

    expect(form.locator("#resolved-state")).to_contain_text("not saved yet")
    row = form.locator("#resolved tr").filter(has_text="max_weight").filter(has_text="attn").first
    expect(row).to_contain_text("0.8 … 0.9")
    expect(row).to_contain_text("Mine")
    assert not ParameterSpec.objects.exists()

    field(form, "high").fill("0.1")
    expect(form.locator("#resolved")).to_contain_text("The form has 1 error")


def test_the_table_follows_the_typed_model(visit, admin, preset):
    document = {"overrides": {"google/*": {"parameters": {"direction_fraction": 0.7}}}}
    commands.profile_update(admin, preset, document)
    page = visit(user=admin).goes_to(f"/admin/studies/profile/{preset.pk}/change/")

    page.locator("#resolved-model").fill("google/gemma-3-4b")

    row = page.locator("#resolved tr").filter(has_text="direction_fraction")
    expect(row).to_contain_text("override of Mine: google/*")
    expect(page.locator("#resolved-state")).to_contain_text("As saved")
