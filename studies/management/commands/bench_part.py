"""What the benchmarks of `studies.bench` have done in processes of their own."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from studies.bench.filling import fill
from studies.bench.installation import MARK
from studies.bench.queries import queries_of
from studies.bench.studying import run_study
from studies.bench.writing import write_events

Json = dict[str, Any]


class Command(BaseCommand):
    """`manage.py bench_part`: only for a data folder that a benchmark has made."""

    help = "A part of `make bench-web` or `make bench-workers`; it refuses to touch any other database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", choices=PARTS)
        parser.add_argument("options", help="As JSON, by name.")

    def handle(self, *args: object, part: str, options: str, **others: object) -> None:
        if not settings.ON_SQLITE or not (settings.DATA_DIR / MARK).is_file():
            raise CommandError("This is not the data folder of a benchmark.")
        self.stdout.write(json.dumps(PARTS[part](**json.loads(options))))


PARTS: Final[dict[str, Callable[..., Json]]] = {
    "fill": fill,
    "queries": queries_of,
    "events": write_events,
    "study": run_study,
}
