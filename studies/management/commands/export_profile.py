from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studies.commands import profile_heretic_toml, profile_toml
from studies.engine.errors import EngineError
from studies.models import Profile


class Command(BaseCommand):
    help = "Writes a preset as TOML to the standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="The preset.")
        parser.add_argument(
            "--heretic",
            action="store_true",
            help="Write the table [parameters] of the reference tool instead, resolved.",
        )
        parser.add_argument("--model", default="", help="The model to resolve it for.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        profile = Profile.objects.filter(slug=options["slug"]).first()
        if profile is None:
            raise CommandError(f"There is no preset {options['slug']!r}.")
        try:
            if options["heretic"]:
                text = profile_heretic_toml(profile, options["model"])
            else:
                text = profile_toml(profile)
        except EngineError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text, ending="")
