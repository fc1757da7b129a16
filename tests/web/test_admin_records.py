import pytest

from studies.models import ApiToken, Job, Study, StudyEvent
from studies.tokens import token_user


def run(client, action, *rows, model="study"):
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(f"/admin/studies/{model}/", data, follow=True)


def messages_of(response):
    return [str(message) for message in response.context["messages"]]


def test_stop_runs_the_command_and_tells_conflicts_as_messages(admin_client, make_study, make_job):
    queued, done = make_study(status="queued"), make_study(status="completed", name="Done")
    job = make_job(queued)

    response = run(admin_client, "stop", queued, done)

    queued.refresh_from_db()
    job.refresh_from_db()
    assert (queued.status, job.status) == ("stopped", Job.Status.CANCELED)
    assert StudyEvent.objects.filter(study=queued, kind="status_changed").exists()
    told = messages_of(response)
    assert "1 study was told to stop." in told
    assert any("Done" in text and "completed" in text for text in told)


def test_resume_queues_a_stopped_study_again(admin_client, make_study):
    study = make_study(status="stopped")

    run(admin_client, "resume", study)

    study.refresh_from_db()
    assert study.status == "queued"
    assert study.jobs.filter(status="queued").count() == 1


def test_the_status_of_a_study_is_read_in_words(admin_client, make_study):
    study = make_study(status="completed")

    page = admin_client.get(f"/admin/studies/study/{study.pk}/change/").content.decode()

    assert "Completed" in page
    assert "(&#x27;completed" not in page


def test_a_study_cannot_be_changed_made_or_deleted_here(admin_client, make_study):
    study = make_study(status="stopped", name="Before")
    url = f"/admin/studies/study/{study.pk}"

    assert admin_client.get(f"{url}/change/").status_code == 200
    for address in (f"{url}/change/", f"{url}/delete/", "/admin/studies/study/add/"):
        data = {"name": "After", "status": "completed", "post": "yes"}
        assert admin_client.post(address, data).status_code == 403

    study.refresh_from_db()
    assert (study.name, study.status) == ("Before", "stopped")


def test_who_may_only_look_cannot_stop(client, make_user, make_study):
    user = make_user(is_staff=True, may=("studies.view_study",))
    client.force_login(user)
    study = make_study(status="queued")

    run(client, "stop", study)

    study.refresh_from_db()
    assert study.status == "queued"


def test_a_list_of_studies_needs_no_query_per_row(
    admin_client, make_study, make_user, django_assert_max_num_queries
):
    for _ in range(20):
        make_study(owner=make_user())

    with django_assert_max_num_queries(12):
        assert admin_client.get("/admin/studies/study/").status_code == 200


def test_a_new_token_is_shown_once_and_works(admin_client, admin_user):
    data = {"user": admin_user.pk, "name": "script", "days": 5}
    response = admin_client.post("/admin/studies/apitoken/add/", data, follow=True)

    (text,) = [text for text in messages_of(response) if "select-all" in text]
    secret = text.split("select-all'>")[1].split("<")[0]
    assert token_user(secret) == admin_user
    row = ApiToken.objects.get()
    for page in ("", f"{row.pk}/change/"):
        html = admin_client.get(f"/admin/studies/apitoken/{page}").content.decode()
        assert secret not in html
        assert row.digest not in html


def test_revoking_ends_a_token(admin_client, admin_user):
    admin_client.post(
        "/admin/studies/apitoken/add/", {"user": admin_user.pk, "name": "script", "days": 5}
    )
    row = ApiToken.objects.get()

    run(admin_client, "revoke", row, model="apitoken")

    row.refresh_from_db()
    assert row.is_revoked


@pytest.mark.parametrize(
    "page",
    [
        "studies/profile/", "studies/profile/add/", "studies/modeloverride/",
        "studies/promptset/", "studies/promptset/add/", "studies/study/", "studies/job/",
        "studies/worker/", "studies/apitoken/", "studies/apitoken/add/",
        "auth/user/", "auth/user/add/", "auth/group/add/", "",
    ],
)  # fmt: skip
def test_every_page_opens_for_staff_and_for_nobody_else(
    admin_client, client, make_user, make_study, make_job, page
):
    make_job(make_study())

    assert admin_client.get(f"/admin/{page}").status_code == 200
    client.force_login(make_user())
    assert client.get(f"/admin/{page}").status_code == 302


def test_only_the_admin_may_evaluate_expressions(admin_client, client):
    def policy(response):
        return response.headers["Content-Security-Policy"]

    assert "unsafe-eval" in policy(admin_client.get("/admin/"))
    assert "unsafe-eval" not in policy(client.get("/accounts/login/"))
    assert "unsafe-inline" not in policy(client.get("/accounts/login/"))


def test_the_tables_of_the_engine_room_are_not_registered(admin_client):
    names = {
        model["object_name"]
        for app in admin_client.get("/admin/").context["app_list"]
        for model in app["models"]
    }

    assert {"Profile", "PromptSet", Study.__name__} <= names
    assert not {"FrozenPrompts", "StudyEvent", "ResponseSet", "Trial"} & names
