"""Who may do what: the groups of a new installation, at the doors of API, pages and admin."""

import pytest
from django.contrib.auth.models import Group, Permission

from studies.starters import starters_seed
from tests.web.test_api_access import IDS, call, operations

READING = {  # what changes nothing
    ("POST", "/api/v1/profiles/{slug}/resolve"),
    ("POST", "/api/v1/studies/{study_id}/fork/preview"),
}
CHANGING = [one for one in operations() if one[0] != "GET" and one not in READING]


@pytest.fixture(scope="module")
def starters(shared_rows):
    """What a new installation begins with."""
    with shared_rows():
        starters_seed()
        yield


@pytest.fixture
def member(starters, make_user):
    """Return a factory: `member("Viewer")` is a user of that group, and no more."""

    def make(group):
        user = make_user(may=())
        user.groups.add(Group.objects.get(name=group))
        return user

    return make


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_a_viewer_is_refused_every_operation_that_changes_something(
    api, member, make_study, make_job, method, path
):
    viewer = member("Viewer")
    study = make_study(owner=viewer, status="running")
    ids = IDS | {"study_id": study.pk, "job_id": make_job(study).pk, "slug": "demo"}

    response = call(api(viewer), method, path, ids)

    assert response.status_code == 403
    problem = response.json()
    assert problem["type"] == "urn:heretic-web:permission_missing"
    assert "needs the permission studies." in problem["detail"]
    study.refresh_from_db()
    assert study.status == "running"


def test_a_viewer_reads_what_is_shared(api, member):
    viewer = api(member("Viewer"))

    for path in ("profiles", "profiles/demo", "prompt-sets", "studies", "jobs"):
        assert viewer.get(path).status_code == 200, path
    assert viewer.post("profiles/demo/resolve", {}).status_code == 200


@pytest.mark.parametrize("group", ["Operator", "Editor", "Admin"])
def test_who_runs_studies_may_create_them(api, member, group):
    answer = api(member(group)).post("studies", {"model": "a/b", "profile": "no-slop"})

    assert answer.status_code != 403


def test_a_session_is_judged_as_a_token_is(client, member, make_study):
    viewer = member("Viewer")
    study = make_study(owner=viewer, status="running")
    client.force_login(viewer)

    answer = client.post(f"/api/v1/studies/{study.pk}/stop")

    assert answer.status_code == 403
    assert "run studies" in answer.json()["detail"]


def test_pages_hide_what_a_viewer_may_not_do(client, member, make_study):
    viewer = member("Viewer")
    client.force_login(viewer)

    assert "/studies/new" not in client.get("/").content.decode()
    assert "/studies/new" not in client.get("/queue/").content.decode()
    for page in ("/studies/new", "/studies/reproduce"):
        refused = client.get(page)
        assert refused.status_code == 403, page
        assert "the group Operator has" in refused.content.decode()
    study = make_study(owner=viewer)
    assert 'class="controls" hidden' in client.get(f"/studies/{study.pk}/").content.decode()


@pytest.mark.parametrize(
    ("group", "page", "status"),
    [
        ("Viewer", "studies/profile/", 200),
        ("Viewer", "studies/profile/add/", 403),
        ("Viewer", "studies/study/", 403),
        ("Operator", "studies/promptset/", 200),
        ("Operator", "studies/promptset/add/", 403),
        ("Editor", "studies/profile/add/", 200),
        ("Editor", "studies/modeloverride/add/", 200),
        ("Editor", "studies/promptset/add/", 200),
        ("Editor", "studies/apitoken/", 403),
        ("Editor", "auth/user/", 403),
        ("Admin", "auth/user/", 200),
        ("Admin", "studies/study/", 200),
        ("Admin", "axes/accessattempt/", 200),
    ],
)
def test_groups_open_the_admin_as_far_as_they_reach(client, member, group, page, status):
    client.force_login(member(group))

    assert client.get(f"/admin/{page}").status_code == status


def test_the_menu_of_the_admin_has_no_door_that_is_locked(client, member):
    client.force_login(member("Editor"))

    html = client.get("/admin/studies/profile/").content.decode()

    assert "/admin/studies/promptset/" in html
    assert "/admin/auth/user/" not in html
    assert "/admin/studies/apitoken/" not in html


def test_a_member_logs_in_at_the_door_of_the_admin(client, member):
    editor = member("Editor")
    editor.set_password("a password of tests")
    editor.save()
    data = {"username": editor.username, "password": "a password of tests"}

    assert client.post("/admin/login/", data).status_code == 302
    assert client.get("/admin/studies/profile/").status_code == 200


def test_who_is_in_no_group_stays_outside_the_admin(client, make_user):
    user = make_user(password="a password of tests")
    data = {"username": user.username, "password": "a password of tests"}

    answer = client.post("/admin/login/", data)

    assert "may not look at presets" in answer.content.decode()
    assert client.get("/admin/").status_code == 302


def test_the_groups_are_made_once_and_then_belong_to_the_installation(starters, db):
    viewer = Group.objects.get(name="Viewer")
    viewer.permissions.add(Permission.objects.get(codename="view_study"))
    Group.objects.get(name="Editor").delete()

    starters_seed()

    assert viewer.permissions.filter(codename="view_study").exists()
    assert not Group.objects.filter(name="Editor").exists()
