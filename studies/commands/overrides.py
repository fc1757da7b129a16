"""Overrides for single models that hold whatever the preset."""

from collections.abc import Mapping

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from studies.engine.override_rows import Override, parse_override
from studies.engine.problems import refuse
from studies.engine.values import value_to_json
from studies.models import ModelOverride
from studies.models.parameters import METHOD_DEFAULT
from studies.preset_rules import override_problems
from studies.selectors.presets import override_document


@transaction.atomic
def override_create(user: AbstractBaseUser | None, document: object) -> ModelOverride:
    """Store an override for every preset of its method.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    return _write(ModelOverride(), parse_override(_with_method(document)))


@transaction.atomic
def override_update(
    user: AbstractBaseUser | None, override: ModelOverride, changes: object
) -> ModelOverride:
    """Change what is given of an override.

    Raises:
        InvalidInputError: all faults, each at its exact place.
    """
    override = ModelOverride.objects.select_for_update().get(pk=override.pk)
    if isinstance(changes, Mapping):
        changes = {**override_document(override), **changes}
    return _write(override, parse_override(changes))


@transaction.atomic
def override_delete(user: AbstractBaseUser | None, override: ModelOverride) -> None:
    """Delete an override."""
    override.delete()


def _with_method(document: object) -> object:
    if not isinstance(document, Mapping):
        return document
    return {"method": METHOD_DEFAULT, **document}


def _write(row: ModelOverride, override: Override) -> ModelOverride:
    row.pattern, row.method = override.pattern, override.method
    row.parameter, row.component = override.key
    row.raw = value_to_json(override.value)
    refuse(override_problems(row))
    row.save()
    return row
