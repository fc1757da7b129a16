"""The admin's form for presets as a door: what can be typed into it, and what it says then."""

from typing import Any

from django.contrib import admin
from django.test import RequestFactory

from studies.admin.setting_values import number_or_text
from studies.engine.methods.directional import METHOD
from studies.engine.settings import settings_class
from studies.models import Profile, PromptSet
from tests.bad_inputs.doors import PATTERN, Door, leaves
from tests.bad_inputs.inputs import Bad, Row

Data = dict[str, str]
ROWS = ("specs", "overrides", "scorers")
FIELDS = settings_class(METHOD).model_fields
MODES = {"system_prompt", "response_prefix", "seed", "target_components", "model_commit"}
LISTS = {"dtypes", "target_components"}
TEXTS = {*LISTS, "good_prompts", "bad_prompts", "system_prompt", "response_prefix", "model_commit"}
TEXTS |= {"chain_of_thought_skips", "keyword_markers"}  # where no number can be typed
SPANS = {"untouched_layers", "untouched_layer_fractions"}
PAIRS = "chain_of_thought_skips"
ENDS = ("low", "high", "step")
SECOND = "settings.scorers[1]"


class NotTypableError(Exception):
    """A form has no way to say it."""


class AdminForm(Door):
    def __init__(self, user):
        self.user = user
        self.admin = admin.site._registry[Profile]

    def carries(self, bad):
        try:
            self.data(bad)
        except NotTypableError:
            return False
        return True

    def data(self, bad) -> Data:
        data = {"name": "Mine", "slug": "mine", "method": "directional"}
        data |= {f"{prefix}-{n}_FORMS": "0" for prefix in ROWS for n in ("TOTAL", "INITIAL")}
        if bad.row:
            return data | rows_typed("specs", [row_typed(bad.row)])
        ((part, raw),) = bad.document.items()
        if part == "overrides":
            return data | rows_typed("overrides", override_rows(raw))
        if part == "settings":
            return data | settings_typed(raw)
        known = part in {"name", "slug", "description", "method", "model"}
        require(known and isinstance(raw, str) and "\ud800" not in raw)
        # Whoever leaves the name of a method away gets the usual one.
        require(raw == raw.strip() and bool(raw or part != "method"))
        return data | {part: raw}

    def expected(self, bad):
        if bad.row:
            return [row_said("specs-0", bad)]
        if "overrides" in bad.document:
            return [override_said(bad)]
        if bad.place.startswith(SECOND):
            return [scorer_said(bad)]
        if bad.place == "settings.scorers":
            return [("scorers", f"The scorers together: {bad.message}.")]
        if bad.place.startswith("settings."):
            name, mark, rest = bad.place.removeprefix("settings.").partition("[")
            text = f"[{rest}: {bad.message}" if mark else sentence(bad.message)
            return [(f"setting_{name}", text)]
        return [(bad.place, sentence(bad.message))]

    def said(self, bad):
        request = RequestFactory().post("/admin/studies/profile/add/", self.data(bad))
        request.user = self.user
        form = self.admin.get_form(request, None, change=False)(request.POST, {}, instance=None)
        form.is_valid()
        formsets, _ = self.admin._create_formsets(request, form.instance, change=False)
        found = errors_of(form)
        for formset in formsets:
            formset.is_valid()
            found += [said for one in formset.forms for said in errors_of(one)]
            found += [(formset.prefix, str(text)) for text in formset.non_form_errors()]
        return found


def errors_of(form) -> list[tuple[str, str]]:
    return [
        (form.add_prefix(field), str(text))
        for field, texts in form.errors.items()
        for text in texts
    ]


def sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:]}."


def require(typable: bool) -> None:
    if not typable:
        raise NotTypableError


def typed(raw: Any) -> str:
    """What a person types for a number or a text."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        require(not isinstance(raw, int) or raw.bit_length() < 1000)
        return repr(raw)
    text = raw if isinstance(raw, str) else ""
    require(text is raw and number_or_text(text) == text and text == text.strip())
    require("\ud800" not in text)
    return text


def listed(raw: Any) -> str:
    require(isinstance(raw, list))
    items = [typed(item) for item in raw]
    require(all(item and "," not in item and "\n" not in item for item in items))
    return "\n".join(items)


def rows_typed(prefix: str, rows: list[Data]) -> Data:
    data = {f"{prefix}-TOTAL_FORMS": str(len(rows))}
    for index, row in enumerate(rows):
        data |= {f"{prefix}-{index}-{name}": text for name, text in row.items()}
    return data


def row_typed(row: Row) -> Data:
    parameter, component, raw = row
    data = {"parameter": parameter, "component": component}
    if isinstance(raw, dict):
        log, whole = raw.get("log", False), raw.get("integer", False)
        require(raw.keys() <= {*ENDS, "log", "integer"} and {log, whole} <= {True, False})
        require(isinstance(log, bool) and isinstance(whole, bool))
        data |= {name: typed(raw[name]) for name in ENDS if name in raw}
        return data | {"kind": "integer" if whole else "float"} | ({"log": "on"} if log else {})
    if isinstance(raw, list):
        return data | {"kind": "choices", "choices": listed(raw)}
    return data | {"kind": "constant", "constant": typed(raw)}


def row_said(prefix: str, bad: Bad) -> tuple[str, str]:
    raw = bad.row[2] if bad.row else None
    text = f"{bad.at}: {bad.message}" if bad.at.startswith("[") else sentence(bad.message)
    kind = "choices" if isinstance(raw, list) else "low" if isinstance(raw, dict) else "constant"
    field = bad.at.removeprefix(".") if bad.at.startswith(".") else kind
    if "not a parameter" in bad.message:
        field = "parameter"
    elif "not a component" in bad.message or "all components" in bad.message:
        field = "component"
    return f"{prefix}-{field}", text


def override_rows(raw: Any) -> list[Data]:
    require(isinstance(raw, dict))
    rows = []
    for pattern, entry in raw.items():
        require(
            isinstance(entry, dict) and list(entry) == ["parameters"] and bool(entry["parameters"])
        )
        require(isinstance(entry["parameters"], dict) and "\ud800" not in pattern)
        for name, value in entry["parameters"].items():
            by_component = isinstance(value, dict) and any("." in key for key in value)
            parts = value if by_component else {"": value}
            rows += [
                {"pattern": pattern} | row_typed((name, c, part)) for c, part in parts.items()
            ]
    return rows


def override_said(bad: Bad) -> tuple[str, str]:
    last = len(bad.document["overrides"]) - 1
    if last or (bad.place.endswith('"]') and ".parameters" not in bad.place):
        return f"overrides-{last}-pattern", sentence(bad.message)
    [(name, raw)] = bad.document["overrides"][PATTERN]["parameters"].items()
    by_component = isinstance(raw, dict) and any("." in key for key in raw)
    at = "." + bad.place.rpartition(".")[2] if bad.place.endswith((".low", ".high")) else ""
    row = (name, "", next(iter(raw.values())) if by_component else raw)
    return row_said("overrides-0", Bad({}, "", bad.message, row, at))


def settings_typed(raw: Any) -> Data:
    require(isinstance(raw, dict))
    data: Data = {}
    for name, value in raw.items():
        if name == "scorers":
            data |= rows_typed("scorers", scorer_rows(value))
        else:
            text = setting_typed(name, value)
            mode = {f"setting_{name}_0": "typed", f"setting_{name}_1": text}
            data |= mode if name in MODES else {f"setting_{name}": text}
    return data


def setting_typed(name: str, raw: Any) -> str:
    require(name in FIELDS)
    require(name not in TEXTS or all(isinstance(leaf, str) for leaf in leaves(raw)))
    if name in LISTS or (name in SPANS and all(not isinstance(one, dict) for one in raw)):
        text = listed(raw)
    elif name in SPANS:
        text = ", ".join(f"{span['low']}–{span['high']}" for span in raw)
    elif name == PAIRS:
        require(isinstance(raw, list) and all(len(pair) < 3 for pair in raw))
        text = "\n".join(" => ".join(typed(part) for part in pair) for pair in raw)
    elif raw in ("", True, False, None):
        raise NotTypableError  # left open
    else:
        text = typed(raw)
    require(bool(text))
    return text


def scorer_rows(raw: Any) -> list[Data]:
    require(isinstance(raw, list) and bool(raw) and all(isinstance(one, dict) for one in raw))
    return [scorer_typed(one) for one in raw]


def scorer_typed(one: dict[str, Any]) -> Data:
    require(one.keys() <= {"scorer", "optimization", "name", "settings"})
    require(isinstance(one.get("settings"), dict) and isinstance(one.get("scorer"), str))
    require(one.get("optimization", "none") in ("none", "minimize") and one.get("name") != "")
    settings = dict(one["settings"])
    prompts = PromptSet.objects.filter(slug=settings.pop("prompts", "")).first()
    require(
        (prompts is not None and one["scorer"] != "KLDivergence")
        or not settings.keys() & {"keyword_markers"}
    )
    data = {"scorer": one["scorer"], "optimization": one.get("optimization", "minimize")}
    data |= {"prompts": str(prompts.pk) if prompts else "", "name": one.get("name", "")}
    for name, value in settings.items():
        require(name not in TEXTS or all(isinstance(leaf, str) for leaf in leaves(value)))
        text = listed(value) if name == "keyword_markers" else typed(value)
        require(bool(text) and prompts is not None)
        mode = {
            f"option_{one['scorer']}_{name}_0": "typed",
            f"option_{one['scorer']}_{name}_1": text,
        }
        data |= mode if name == "n_prompts" else {f"option_{one['scorer']}_{name}": text}
    require(prompts is not None)
    return data


def scorer_said(bad: Bad) -> tuple[str, str]:
    rest = bad.place.removeprefix(SECOND)
    if not rest.startswith(".settings."):
        return f"scorers-1{rest.replace('.', '-')}", sentence(bad.message)
    name, mark, index = rest.removeprefix(".settings.").partition("[")
    scorer = bad.document["settings"]["scorers"][1]["scorer"]
    text = f"[{index}: {bad.message}" if mark else sentence(bad.message)
    return f"scorers-1-option_{scorer}_{name}", text
