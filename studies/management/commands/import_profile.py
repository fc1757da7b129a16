from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studies.commands import profile_import
from studies.engine.errors import EngineError
from studies.engine.toml.reading import MAX_BYTES


class Command(BaseCommand):
    help = "Makes a preset of a TOML file of this project, or of a configuration of Heretic."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The file to read.")
        parser.add_argument(
            "--replace", action="store_true", help="Replace the preset of the same slug."
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        file: Path = options["file"]
        try:
            with file.open("rb") as stream:
                text = stream.read(MAX_BYTES + 1)  # one byte too many is enough to refuse it
            made = profile_import(None, text, replace=options["replace"], fallback_name=file.stem)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
        except EngineError as error:
            faults = "".join(f"\n  {problem}" for problem in error.problems)
            raise CommandError(f"{file} cannot be imported:{faults}") from error
        for note in made.notes:
            self.stderr.write(str(note), self.style.NOTICE)
        self.stdout.write(made.profile.slug)
