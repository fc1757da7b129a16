"""Keep the ends of a range as they were typed, and a comment beside each parameter."""

from collections.abc import Iterator
from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

import studies.models.parameters

ROWS = ("parameterspec", "modeloverride")
ENDS = ("low", "high", "step")


def copy_to_json(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Whole numbers were shown without their ".0", so that is how they stay."""
    for row in _rows(apps):
        for name in ENDS:
            number = getattr(row, name)
            whole = number is not None and float(number).is_integer()
            setattr(row, f"{name}_typed", int(number) if whole else number)
        row.save(update_fields=[f"{name}_typed" for name in ENDS])


def copy_to_float(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for row in _rows(apps):
        for name in ENDS:
            setattr(row, name, getattr(row, f"{name}_typed"))
        row.save(update_fields=ENDS)


def _rows(apps: StateApps) -> Iterator[Any]:
    for model in ROWS:
        yield from apps.get_model("studies", model).objects.iterator()


class Migration(migrations.Migration):
    dependencies = [("studies", "0001_initial")]

    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name=f"{end}_typed",
                field=models.JSONField(blank=True, null=True),
            )
            for model in ROWS
            for end in ENDS
        ),
        migrations.RunPython(copy_to_json, copy_to_float),
        *(
            operation
            for model in ROWS
            for end in ENDS
            for operation in (
                migrations.RemoveField(model_name=model, name=end),
                migrations.RenameField(model_name=model, old_name=f"{end}_typed", new_name=end),
            )
        ),
        *(
            migrations.AddField(
                model_name=model,
                name="comment",
                field=models.TextField(
                    blank=True,
                    default="",
                    help_text="A note, kept as a comment in the parameter file.",
                    validators=[studies.models.parameters.comment_shape],
                ),
                preserve_default=False,
            )
            for model in ROWS
        ),
    ]
