from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from studies.models import ApiToken
from studies.tokens import DEFAULT_DAYS, token_create

MAX_NAME = 100  # characters


class Command(BaseCommand):
    help = "Makes a token for the API and prints it once, alone on its line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="The account that the token acts for.")
        parser.add_argument("--name", default="command line", help="What it is for.")
        parser.add_argument("--days", type=int, default=DEFAULT_DAYS, help="How long it is valid.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        token, secret = self._create(options["user"], options["name"].strip(), options["days"])
        assert token.expires_at is not None
        self.stderr.write(
            f"Token {token.name!r} of {options['user']}, valid until "
            f"{token.expires_at:%Y-%m-%d}. It is not stored; keep it now:",
            self.style.NOTICE,
        )
        self.stdout.write(secret)

    def _create(self, username: str, name: str, days: int) -> tuple[ApiToken, str]:
        user = get_user_model().objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        if not user.is_active:
            raise CommandError(f"The account {username!r} is not active.")
        if not name or len(name) > MAX_NAME or not name.isprintable():
            raise CommandError(f"The name must be a line of 1 to {MAX_NAME} characters.")
        try:
            return token_create(user, name, days)
        except ValueError as error:
            raise CommandError(str(error)) from error
