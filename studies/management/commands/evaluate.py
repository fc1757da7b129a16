import time
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from studies import commands
from studies.engine.errors import EngineError
from studies.jobs import ACTIVE
from studies.models import Job, Scoring
from studies.selectors import profiles_active, workers_seen

PAUSE = 0.5  # seconds between two looks at the job
COLUMNS = ("Score", "Base", "Model", "95 % interval")


class Command(BaseCommand):
    help = "Scores a finished model against its base with the scorers of a preset; waits for it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="The finished one: owner/name, or a model folder.")
        parser.add_argument("base", help="What it was made from.")
        parser.add_argument("user", help="The account that the evaluation belongs to.")
        parser.add_argument("--profile", default="refusals", help="Slug of a preset.")
        parser.add_argument("--revision", default="", help="Of the finished model on the hub.")
        parser.add_argument("--no-wait", action="store_true", help="Only put it into the queue.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's signature
        user = get_user_model().objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {options['user']!r}.")
        profile = profiles_active().filter(slug=options["profile"]).first()
        if profile is None:
            raise CommandError(f"There is no preset {options['profile']!r}.")
        wanted = {name: options[name] for name in ("model", "base", "revision")}
        try:
            scoring = commands.evaluation_create(user, profile=profile, **wanted)
        except EngineError as error:
            raise CommandError(f"{error} {error.advice}".strip()) from error
        if options["no_wait"]:
            self.stdout.write(str(scoring.pk))
            return
        self._wait(scoring.job)
        scoring.refresh_from_db()
        self._tell(scoring)

    def _wait(self, job: Job) -> None:
        if not workers_seen():
            self.stderr.write(
                "No worker is running, so it waits: `manage.py run_huey` starts one."
            )
        said = ""
        while job.status in ACTIVE:
            time.sleep(PAUSE)
            job.refresh_from_db()
            if (label := job.progress.get("label", "")) and label != said:
                self.stderr.write(said := label)
        if job.status != Job.Status.DONE:
            raise CommandError(f"{job.error} {job.error_advice}".strip() or "It was canceled.")

    def _tell(self, scoring: Scoring) -> None:
        base = {score["name"]: score["display"] for score in scoring.baseline}
        rows = [COLUMNS]
        for score in scoring.results.get().scores:
            low, high = score["low"], score["high"]
            interval = f"{low:.3f} – {high:.3f}" if low is not None else "–"
            rows.append((score["name"], base[score["name"]], score["display"], interval))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
