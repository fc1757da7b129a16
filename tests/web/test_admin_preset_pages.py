"""What one does with whole presets in the admin: copy, compare, upload, retire."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from studies.models import Profile, PromptSet
from studies.selectors import preset_document
from tests.web.admin_forms import posted

LIST = "/admin/studies/profile/"
RANGE = {"low": 0, "high": 0.5}


@pytest.fixture
def preset(make_profile):
    profile = make_profile("mine", name="Mine")
    row = profile.specs.model(profile=profile, parameter="max_weight", comment="see the paper")
    row.raw = RANGE
    row.save()
    return profile


def run(client, action, *rows):
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(LIST, data, follow=True)


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


class TestCopies:
    def test_a_copy_has_all_that_the_preset_sets_under_the_names_given(self, admin_client, preset):
        url = f"{LIST}{preset.pk}/duplicate/"
        offered = admin_client.get(url).context["form"].initial
        assert offered == {"name": "Mine (copy)", "slug": "mine-copy"}

        admin_client.post(url, {"name": "Yours", "slug": "yours"})

        copied = Profile.objects.get(slug="yours")
        names = {"slug": "yours", "name": "Yours"}
        assert preset_document(copied) == preset_document(preset) | names
        assert copied.specs.get().comment == "see the paper"

    def test_a_name_that_is_taken_is_refused_at_its_field(self, admin_client, preset):
        url = f"{LIST}{preset.pk}/duplicate/"

        response = admin_client.post(url, {"name": "Mine", "slug": "Not a slug"})

        assert set(response.context["form"].errors) >= {"slug"}
        assert Profile.objects.count() == 1
        response = admin_client.post(url, {"name": "Mine", "slug": "other"})
        assert list(response.context["form"].errors) == ["name"]

    def test_several_are_copied_from_the_list(self, admin_client, preset, make_profile):
        run(admin_client, "duplicate_selected", preset, make_profile("other"))

        assert {"mine-copy", "other-copy"} <= set(Profile.objects.values_list("slug", flat=True))

    def test_who_may_only_look_copies_nothing(self, client, make_user, preset):
        client.force_login(make_user(may=["studies.view_profile"]))

        answer = client.post(f"{LIST}{preset.pk}/duplicate/", {"name": "X", "slug": "x"})
        run(client, "duplicate_selected", preset)

        assert answer.status_code == 403
        assert Profile.objects.count() == 1
        assert "duplicate/" not in client.get(f"{LIST}{preset.pk}/change/").content.decode()


class TestComparison:
    def sections(self, client, left, right, **query):
        query = {"left": left.slug, "right": right.slug, **query}
        response = client.get(f"{LIST}compare/", query)
        return response, {
            section["title"]: {row.place: row for row in section["rows"]}
            for section in response.context["sections"]
        }

    def test_every_value_stands_beside_the_other_and_differences_are_told_in_words(
        self, admin_client, preset, make_profile
    ):
        base = make_profile("base", name="Base", settings={"n_trials": 12})

        response, found = self.sections(admin_client, preset, base)

        row = found["Parameters"]['max_weight["mlp.down_proj"]']
        assert [side.words for side in row.sides] == ["0 … 0.5", "-0.25 … 1.5"]
        assert [side.source for side in row.sides] == ["Mine", "default"]
        assert found["Settings"]["n_trials"].differs
        assert not found["Settings"]["seed"].differs
        assert found["Settings"]["scorers[0]"].sides[1] is None
        assert response.content.decode().count("≠ differs") == sum(
            row.differs for rows in found.values() for row in rows.values()
        )

    def test_only_differences_leaves_the_others_out(self, admin_client, preset, make_profile):
        base = make_profile("base", name="Base")

        _, found = self.sections(admin_client, preset, base, differing="on")

        assert all(row.differs for rows in found.values() for row in rows.values())
        assert set(found["Parameters"]) == {
            'max_weight["attn.o_proj"]',
            'max_weight["mlp.down_proj"]',
        }

    def test_for_a_model_its_overrides_count(self, admin_client, preset, make_profile):
        base = make_profile("base", name="Base")
        row = base.overrides.model(profile=base, pattern="google/*", parameter="max_weight")
        row.raw = RANGE
        row.save()

        _, found = self.sections(admin_client, preset, base, model="google/gemma-3-4b")

        cell = found["Parameters"]['max_weight["attn.o_proj"]'].sides[1]
        assert (cell.words, cell.source) == ("0 … 0.5", "override of Base: google/*")
        assert "google/*: max_weight" in found["Model overrides"]

    def test_two_are_chosen_in_the_list(self, admin_client, preset, make_profile):
        response = run(admin_client, "compare_selected", preset, make_profile("base"))
        assert {response.context["left"].slug, response.context["right"].slug} == {"mine", "base"}

        (told,) = messages_of(run(admin_client, "compare_selected", preset))
        assert "exactly two" in told

    def test_one_that_cannot_be_resolved_is_named(self, admin_client, preset, make_profile):
        broken = make_profile("broken", name="Broken")
        row = broken.specs.model(profile=broken, parameter="no_such_thing")
        row.raw = 1
        row.save()

        query = {"left": "mine", "right": "broken"}
        response = admin_client.get(f"{LIST}compare/", query)

        assert "Broken" in response.context["problems"][0]


class TestUses:
    def test_the_list_counts_studies_and_the_page_names_them(
        self, admin_client, preset, make_study, django_assert_max_num_queries
    ):
        study = make_study(profile=preset, name="Uses it")
        for number in range(10):
            make_study(
                profile=preset.__class__.objects.create(slug=f"p{number}", name=f"P{number}")
            )

        with django_assert_max_num_queries(12):
            html = admin_client.get(LIST).content.decode()

        assert f"/{preset.pk}/change/#used-by" in html
        page = admin_client.get(f"{LIST}{preset.pk}/change/").content.decode()
        assert f"/studies/{study.pk}/" in page

    def test_studies_of_others_are_counted_and_not_named(
        self, client, make_user, preset, make_study
    ):
        editor = make_user(may=["studies.view_profile", "studies.change_profile"])
        make_study(profile=preset, owner=editor, name="Own work")
        make_study(profile=preset, name="Secret work")
        client.force_login(editor)

        pages = [f"{LIST}{preset.pk}/change/"]
        html = "".join(client.get(page).content.decode() for page in pages)

        assert "Own work" in html
        assert "Secret work" not in html
        assert "1 of the studies belongs to other users" in html

    def test_deleting_is_offered_only_for_what_nothing_refers_to(
        self, admin_client, preset, make_study
    ):
        url = f"{LIST}{preset.pk}/"
        assert f"{url}delete/" in admin_client.get(f"{url}change/").content.decode()

        make_study(profile=preset, name="Uses it")

        assert f"{url}delete/" not in admin_client.get(f"{url}change/").content.decode()
        html = admin_client.get(f"{url}delete/").content.decode()
        assert "Uses it" in html
        assert "Deactivate Mine instead" in html
        action = {"action": "delete_selected", "_selected_action": preset.pk, "post": "yes"}
        admin_client.post(LIST, action)
        assert Profile.objects.filter(pk=preset.pk).exists()

    def test_what_nothing_refers_to_is_deleted(self, admin_client, preset):
        admin_client.post(f"{LIST}{preset.pk}/delete/", {"post": "yes"})

        assert not Profile.objects.exists()

    def test_presets_are_taken_off_the_offer_and_put_back(self, admin_client, preset, make_study):
        make_study(profile=preset)

        run(admin_client, "deactivate", preset)
        preset.refresh_from_db()
        assert not preset.is_active

        run(admin_client, "activate", preset)
        preset.refresh_from_db()
        assert preset.is_active

    def test_a_prompt_set_in_use_names_its_presets_and_is_not_offered_for_deletion(
        self, admin_client, preset
    ):
        used, free = (
            PromptSet.objects.get(slug="good"),
            PromptSet.objects.create(slug="f", name="F"),
        )

        page = admin_client.get(f"/admin/studies/promptset/{used.pk}/change/").content.decode()

        assert f"{LIST}{preset.pk}/change/" in page
        assert f"promptset/{used.pk}/delete/" not in page
        page = admin_client.get(f"/admin/studies/promptset/{free.pk}/change/").content.decode()
        assert f"promptset/{free.pk}/delete/" in page


class TestFiles:
    def upload(self, client, text, name="preset.toml", **fields):
        file = SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode())
        return client.post(f"{LIST}import/", {"file": file, **fields})

    def test_what_is_downloaded_can_be_uploaded_again(self, admin_client, preset):
        response = admin_client.get(f"{LIST}{preset.pk}/toml/")
        assert response.headers["Content-Disposition"] == 'attachment; filename="mine.toml"'
        before = preset_document(preset)
        Profile.objects.all().delete()

        answer = self.upload(admin_client, response.content)

        made = Profile.objects.get()
        assert answer.url == f"{LIST}{made.pk}/change/"
        assert preset_document(made) == before

    def test_all_that_is_wrong_with_a_file_is_told_by_place(self, admin_client, preset):
        text = 'slug = "new"\nname = "New"\n[parameters]\nmax_weight = "x"\nnothing = 1\n'

        response = self.upload(admin_client, text)

        told = " ".join(str(problem) for problem in response.context["problems"])
        assert "max_weight" in told
        assert "nothing" in told
        assert not Profile.objects.filter(slug="new").exists()

    def test_a_preset_that_is_there_is_replaced_only_if_asked(self, admin_client, preset):
        text = admin_client.get(f"{LIST}{preset.pk}/toml/").content.replace(b"0.5", b"0.6")

        assert "mine" in str(self.upload(admin_client, text).context["problems"])
        assert self.upload(admin_client, text, replace="on").status_code == 302

        assert preset.specs.get().raw == {"low": 0, "high": 0.6}

    def test_what_could_not_be_mapped_is_listed(self, admin_client, preset, make_profile):
        text = 'model = "a/b"\nn_trials = 50\ncheckpoint_action = "continue"\n[parameters]\nmax_weight = 1\n'

        response = self.upload(admin_client, text, name="config.toml")

        assert "checkpoint_action" in response.content.decode()
        assert Profile.objects.filter(settings__n_trials=50).exists()

    def test_who_may_not_add_presets_uploads_nothing_but_may_download(
        self, client, make_user, preset
    ):
        client.force_login(make_user(may=["studies.view_profile"]))

        assert self.upload(client, "").status_code == 403
        assert client.get(f"{LIST}{preset.pk}/toml/").status_code == 200

    def test_who_may_add_but_not_change_replaces_nothing(self, client, make_user, preset):
        client.force_login(make_user(may=["studies.view_profile", "studies.add_profile"]))
        text = client.get(f"{LIST}{preset.pk}/toml/").content

        assert self.upload(client, text, replace="on").status_code == 403


class TestPreview:
    @pytest.fixture
    def form(self, admin_client, preset):
        return posted(admin_client, f"{LIST}{preset.pk}/change/")

    def test_the_unsaved_form_resolves_as_saving_it_would_and_nothing_is_saved(
        self, admin_client, preset, form
    ):
        before = preset_document(preset)
        url = f"{LIST}{preset.pk}/resolve/?model=a/b"

        response = admin_client.post(url, form | {"specs-0-high": "0.7", "setting_n_trials": "9"})

        shown = {row["name"]: row for row in response.context["resolved_parameters"]}
        assert shown["max_weight"]["value"] == {"low": 0, "high": 0.7}
        settings = {row["name"]: row["value"] for row in response.context["resolved_settings"]}
        assert settings["n_trials"] == 9
        assert preset_document(Profile.objects.get()) == before

    def test_a_form_with_errors_says_how_many(self, admin_client, preset, form):
        url = f"{LIST}{preset.pk}/resolve/"

        response = admin_client.post(url, form | {"specs-0-high": "-1", "setting_n_trials": "0"})

        assert "The form has 2 errors" in response.content.decode()

    def test_who_may_only_look_previews_no_changes(self, client, make_user, preset, form):
        client.force_login(make_user(may=["studies.view_profile"]))

        assert client.post(f"{LIST}{preset.pk}/resolve/", form).status_code == 403
        assert client.get(f"{LIST}{preset.pk}/resolve/").status_code == 200
