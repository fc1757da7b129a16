"""The doors of bad inputs: whether each can carry one, what it should say, and what it says.

A door gives (place, message) pairs; its `expected` writes what the tables say as this door does.
"""

import json
import math
from typing import Any

import tomlkit

from studies.engine.errors import InvalidInputError
from studies.engine.methods.directional import METHOD
from studies.engine.presets import parse_preset
from studies.engine.problems import TOO_DEEP
from studies.models import ModelOverride, Profile
from tests.bad_inputs.inputs import Bad

Said = list[tuple[str, str]]
NAMES = {"slug": "mine", "name": "Mine"}
PATTERN = "google/*"
MAX_DIGITS = 19


class Door:
    name = ""

    def carries(self, bad: Bad) -> bool:
        raise NotImplementedError

    def expected(self, bad: Bad) -> Said:
        return [(bad.place, bad.message)]

    def said(self, bad: Bad) -> Said:
        raise NotImplementedError


class Engine(Door):
    """The validator itself."""

    name = "engine"

    def carries(self, bad):
        return True

    def said(self, bad):
        return problems(parse_preset, NAMES | bad.document, method=METHOD.name, is_new=True)


class PresetOverride(Engine):
    """The same values as a preset's override."""

    def carries(self, bad):
        deep = bad.message == TOO_DEEP  # its place ends at a level
        return "parameters" in bad.document and not deep

    def expected(self, bad):
        return [(f'overrides["{PATTERN}"].{bad.place}', bad.message)]

    def said(self, bad):
        document = {"overrides": {PATTERN: bad.document}}
        return super().said(Bad(document, "", ""))


class Json(Door):
    """A door that reads JSON: some faults are those of the text itself."""

    def __init__(self, api):
        self.api = api

    def expected(self, bad):
        [(place, message)] = super().expected(bad)
        for leaf in leaves(bad.document):
            if isinstance(leaf, float) and not math.isfinite(leaf):
                message = f"{json.dumps(leaf)} is not valid JSON"
            elif (n_digits := digits(leaf)) > MAX_DIGITS:
                message = f"number has {n_digits} digits; at most {MAX_DIGITS} allowed"
        return [(place, message)]

    def carries(self, bad):
        return not any("\ud800" in key for key in keys(bad.document))

    def call(self, path, body, method="post"):
        answer = self.api.post(path, body, method=method)
        assert answer.status_code in (400, 422), answer.content
        return [(error["place"], error["message"]) for error in answer.json()["errors"]]


class NewPreset(Json):
    columns = ("name", "slug", "parent", "model", "description", "is_active")

    def said(self, bad):
        return self.call("profiles", NAMES | bad.document)


class ChangedPreset(Json):
    def said(self, bad):
        return self.call("profiles/base", bad.document, "patch")


class Copy(Json):
    """A new preset in all but its names, so these are enough."""

    def carries(self, bad):
        return super().carries(bad) and bad.place in NewPreset.columns

    def said(self, bad):
        return self.call("profiles/base/duplicate", bad.document)


class ResolvedStudy(Json):
    """The table of the page for new studies."""

    path = "profiles/base/resolve"
    body: dict[str, Any] = {}

    def carries(self, bad):
        known = bad.document.keys() <= {"parameters", "settings"}
        # There, nothing said is nothing set.
        return (
            super().carries(bad)
            and known
            and None not in bad.document.values()
            and self.shaped(bad)
        )

    def shaped(self, bad):
        return all(isinstance(part, dict) for part in bad.document.values())

    def said(self, bad):
        return self.call(self.path, self.body | bad.document)


class NewStudy(ResolvedStudy):
    path = "studies"
    body = {"model": "a/b", "profile": "base"}


class GlobalOverride(Json):
    def carries(self, bad):
        return super().carries(bad) and bad.row is not None

    def expected(self, bad):
        [(_, message)] = super().expected(bad)
        place = f"value{bad.at}"
        if "not a parameter" in message:
            place = "parameter"
        elif "component" in message and "value" not in bad.at and bad.row[1]:
            place = "component"
        return [(place, message)]

    def said(self, bad):
        name, component, raw = bad.row
        body = {"pattern": PATTERN, "parameter": name, "component": component, "value": raw}
        return self.call("overrides", body)


class Toml(Door):
    """A file that is imported; its settings stand beside its parameters."""

    name = "toml"

    def __init__(self, import_file):
        self.import_file = import_file

    def carries(self, bad):
        settings = bad.document.get("settings", {})
        return (
            isinstance(settings, dict)
            and None not in leaves(bad.document)
            and not any("\ud800" in text for text in texts(bad.document))
        )

    def expected(self, bad):
        place, message = bad.place.removeprefix("settings."), bad.message
        for leaf in leaves(bad.document):
            if (n_digits := digits(leaf)) > MAX_DIGITS:
                message = f"number has {n_digits} digits; at most {MAX_DIGITS} allowed"
        return [(place, message)]

    def said(self, bad):
        document = NAMES | bad.document
        text = tomlkit.dumps(document.pop("settings", {}) | document)
        return problems(self.import_file, text)


def problems(call, *arguments, **named) -> Said:
    try:
        call(*arguments, **named)
    except InvalidInputError as error:
        return [(problem.place, problem.message) for problem in error.problems]
    return [("", "is accepted")]


def stored() -> list[Any]:
    """What must not change while nothing is accepted."""
    return [list(kind.objects.values()) for kind in (Profile, ModelOverride)]


def digits(leaf) -> int:
    whole = isinstance(leaf, int) and not isinstance(leaf, bool)
    return len(str(abs(leaf))) if whole and leaf.bit_length() > 60 else 0


def leaves(part) -> list[Any]:
    if isinstance(part, dict | list):
        inner = part.values() if isinstance(part, dict) else part
        return [leaf for one in inner for leaf in leaves(one)]
    return [part]


def keys(part) -> list[str]:
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    own = list(part) if isinstance(part, dict) else []
    return own + [key for one in inner for key in keys(one)]


def texts(part) -> list[str]:
    return keys(part) + [leaf for leaf in leaves(part) if isinstance(leaf, str)]
