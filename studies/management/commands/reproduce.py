import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from studies import commands
from studies.engine.bundle import MAX_BYTES
from studies.engine.errors import EngineError
from studies.reproducing import Plan, reproduction_plan


class Command(BaseCommand):
    help = "Builds a model again from a reproduce.json, and compares the hashes of its weights."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="The reproduce.json, ours or the reference's.")
        parser.add_argument("user", help="The account that the study belongs to.")
        parser.add_argument("--model", default="", help="The original, where it lies elsewhere.")
        parser.add_argument("--layers", type=int, help="Of the model, where it is not known here.")
        parser.add_argument("--preview", action="store_true", help="Only say what would be built.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        user = get_user_model().objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']!r}.")
        try:
            plan = reproduction_plan(
                _read(options["file"]), model=options["model"], n_layers=options["layers"]
            )
            self._tell(plan)
            if options["preview"]:
                return
            study, job = commands.reproduction_create(user, plan)
        except EngineError as error:
            raise CommandError(f"{error} {error.advice}".strip()) from error
        self.stderr.write(
            "Queued. The comparison's result will be at the job."
            if job
            else "Queued. Its hashes cannot be compared."
        )
        self.stdout.write(str(study.pk))

    def _tell(self, plan: Plan) -> None:
        for one in plan.differences:
            self.stderr.write(f"{one.severity}: {one.what} was {one.then}, is {one.now}")
        for note in plan.notes:
            self.stderr.write(note)


def _read(file: Path) -> object:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CommandError(f"{file} is larger than {MAX_BYTES // 1024} KiB.")
        return json.loads(data)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{file} is not valid JSON.") from error
