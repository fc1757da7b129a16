from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from studies.models import ApiToken
from studies.tokens import token_create, token_digest, token_user


@pytest.fixture
def token(make_user):
    return token_create(make_user("owner"), "script")


def test_a_token_leads_to_its_user_and_is_not_stored(token):
    row, secret = token

    assert token_user(secret) == row.user
    assert secret.startswith("hwt_")
    assert len(secret) >= 40
    stored = [str(value) for value in ApiToken.objects.values_list().get()]
    assert not any(secret in value for value in stored)
    assert row.prefix == secret[:12]


def test_the_hash_depends_on_the_installation(token, settings):
    settings.SECRET_KEY = "another installation"

    assert token_user(token[1]) is None


@pytest.mark.parametrize(
    "end",
    [
        {"is_revoked": True},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
    ],
    ids=["revoked", "expired"],
)
def test_a_token_that_has_ended_is_nobodys_at_once(token, end):
    ApiToken.objects.update(**end)

    assert token_user(token[1]) is None


def test_a_token_without_an_end_is_valid(token):
    ApiToken.objects.update(expires_at=None)

    assert token_user(token[1]) == token[0].user


def test_a_token_of_an_inactive_user_is_nobodys(token):
    user = token[0].user
    user.is_active = False
    user.save()

    assert token_user(token[1]) is None


@pytest.mark.parametrize("secret", ["", "hwt_", "x", "hwt_" + "a" * 100_000, "hwt_\ud800"])
def test_what_is_no_token_is_nobodys(db, secret):
    assert token_user(secret) is None


def test_the_hash_itself_opens_nothing(token):
    assert token_user(token[0].digest) is None
    assert token_user(f"hwt_{token[0].digest}") is None


def test_the_last_use_is_noted_at_most_once_a_minute(token, django_assert_num_queries):
    _, secret = token
    token_user(secret)
    first = ApiToken.objects.get().last_used_at

    with django_assert_num_queries(1):
        token_user(secret)

    assert first is not None
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=2))
    token_user(secret)
    assert ApiToken.objects.get().last_used_at >= first


def test_a_token_lives_90_days_unless_told_otherwise(token, make_user):
    row, _ = token
    assert abs(row.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)
    with pytest.raises(ValueError, match="between 1 and 3650"):
        token_create(row.user, "x", days=0)


def test_the_command_prints_a_working_token_alone_on_its_line(make_user, capsys):
    user = make_user("owner")

    call_command("create_api_token", "owner", "--name", "ci", "--days", "7")

    [secret] = capsys.readouterr().out.splitlines()
    row = ApiToken.objects.get()
    assert (row.name, row.digest) == ("ci", token_digest(secret))
    assert token_user(secret) == user
    assert row.expires_at - timezone.now() < timedelta(days=7)


@pytest.mark.parametrize(
    "arguments",
    [["nobody"], ["owner", "--days", "0"], ["owner", "--name", ""], ["owner", "--name", "a\nb"]],
)
def test_the_command_refuses_in_one_sentence(make_user, arguments):
    make_user("owner")

    with pytest.raises(CommandError):
        call_command("create_api_token", *arguments)
    assert not ApiToken.objects.exists()


def test_a_token_is_not_logged(api, make_user, logged, settings):
    client = api(make_user())
    client.get("health")  # loads the middleware, which in debug mode is another
    settings.DEBUG = True
    secret = client.headers["Authorization"].removeprefix("Bearer ")

    client.get("studies")
    client.client.get("/api/v1/studies", headers={"Authorization": f"Token {secret}"})

    assert secret not in logged()
