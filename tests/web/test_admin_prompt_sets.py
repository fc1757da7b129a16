import pytest

from studies.models import PromptSet
from tests.web.admin_forms import errors_of

URL = "/admin/studies/promptset/add/"
TEXT = {"slug": "mine", "name": "Mine", "source": "text", "text": "One\n\nTwo\n"}


@pytest.fixture
def prompt_file(settings, tmp_path):
    settings.PROMPT_ROOTS = [tmp_path / "prompts"]
    file = tmp_path / "prompts" / "list.txt"
    file.parent.mkdir()
    file.write_text("\n".join(f"Prompt {n}" for n in range(25)))
    (tmp_path / "secret.txt").write_text("secret")
    return file


def test_a_typed_set_belongs_to_who_made_it_and_is_previewed(admin_client, admin_user):
    assert admin_client.post(URL, TEXT | {"prefix": "<b>"}).status_code == 302

    row = PromptSet.objects.get()
    assert row.owner == admin_user
    html = admin_client.get(f"/admin/studies/promptset/{row.pk}/change/").content.decode()
    assert "2 prompts" in html
    assert "<li>&lt;b&gt;One</li>" in html


def test_a_file_is_previewed_by_its_first_prompts(admin_client, prompt_file):
    fields = {"slug": "f", "name": "F", "source": "file", "path": "list.txt", "text": "left over"}
    assert admin_client.post(URL, fields).status_code == 302

    row = PromptSet.objects.get()
    assert row.text == ""
    html = admin_client.get(f"/admin/studies/promptset/{row.pk}/change/").content.decode()
    assert "25 prompts; the first 10" in html
    assert "Prompt 9</li>" in html
    assert "Prompt 10</li>" not in html


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": " \n\n"}, "text"),
        ({"source": "file", "path": "../secret.txt"}, "path"),
        ({"source": "file", "path": "absent.txt"}, "path"),
        ({"source": "file"}, "path"),
        (
            {"source": "dataset", "hub_dataset": "a/b", "column": "text", "split": "train[:400"},
            "split",
        ),
        ({"source": "dataset", "hub_dataset": "a/b", "split": "train"}, "column"),
        ({"slug": "Not A Slug"}, "slug"),
    ],
)
def test_prompts_that_cannot_be_read_are_refused_on_the_right_field(
    admin_client, prompt_file, change, field
):
    response = admin_client.post(URL, TEXT | change)

    assert list(errors_of(response)) == [field]
    assert "secret\n" not in response.content.decode()
    assert not PromptSet.objects.exists()


def test_a_dataset_is_stored_without_being_fetched(admin_client):
    fields = {"slug": "d", "name": "D", "source": "dataset", "split": "train[:40]"}
    response = admin_client.post(URL, fields | {"hub_dataset": "a/b", "column": "text"})

    assert response.status_code == 302
    assert PromptSet.objects.get().dataset == "a/b"


@pytest.mark.parametrize("settings_of_preset", [{"good_prompts": "good"}, {"bad_prompts": "good"}])
def test_a_set_that_a_preset_uses_is_not_deleted(admin_client, make_profile, settings_of_preset):
    make_profile("user-of-it", name="The user of it", settings=settings_of_preset)
    row = PromptSet.objects.get(slug="good")
    url = f"/admin/studies/promptset/{row.pk}/delete/"

    assert "The user of it" in admin_client.get(url).content.decode()
    admin_client.post(url, {"post": "yes"})
    action = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    admin_client.post("/admin/studies/promptset/", action)

    assert PromptSet.objects.filter(pk=row.pk).exists()
