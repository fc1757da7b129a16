"""Sets an installation up; run again, it changes nothing that is there."""

import secrets
import shutil
from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from studies.demo.files import BENCHMARKS_DIR, MODEL_DIR, PROMPTS_DIR
from studies.starters import starters_seed


class Command(BaseCommand):
    """`manage.py quickstart [--no-demo-model]`."""

    help = "Sets up the data folder, database, starter presets, groups, demo model, admin account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-demo-model", action="store_true", help="Leave out the demo model's files."
        )

    def handle(self, *args: object, **options: object) -> None:
        roots = (*settings.MODEL_ROOTS, *settings.PROMPT_ROOTS, *settings.BENCHMARK_ROOTS)
        for folder in (settings.DATA_DIR, *roots):
            folder.mkdir(parents=True, exist_ok=True)
        call_command("migrate", verbosity=0, interactive=False)
        if added := starters_seed():
            self.stdout.write(f"Added {len(added)} starter presets, prompt sets and groups.")
        if not options["no_demo_model"]:
            _copy_missing(MODEL_DIR, settings.DATA_DIR / "models" / "demo")
            _copy_missing(PROMPTS_DIR, settings.DATA_DIR / "prompts" / "demo")
            _copy_missing(BENCHMARKS_DIR, settings.DATA_DIR / "benchmarks" / "demo")
        self._admin_account()

    def _admin_account(self) -> None:
        users = get_user_model().objects
        if users.filter(is_superuser=True).exists():
            return
        password = secrets.token_urlsafe(12)
        users.create_superuser(username="admin", password=password)
        self.stdout.write(
            self.style.SUCCESS(f"\n  Log in as admin with the password {password}\n")
            + "  It is shown only now; `python manage.py changepassword admin` sets another.\n"
        )


def _copy_missing(source: Path, target: Path) -> None:
    """Copy a folder in one step, so that a half-made copy is never taken for a whole one."""
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial)
    partial.rename(target)
