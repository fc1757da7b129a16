"""Writes a preset as a TOML file that `parse_preset` reads back unchanged."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AoT, Array, InlineTable, Item, Table

from studies.engine.methods import METHODS
from studies.engine.methods.schema import GENERAL
from studies.engine.parameter_tables import EVERY, Key
from studies.engine.scorer_settings import SCORERS, ScorerConfig
from studies.engine.settings import settings_class
from studies.engine.texts import tidy_comment
from studies.engine.toml.preset import EMPTY, OVERRIDES, PARAMETERS, PresetFile, Spec
from studies.engine.values import Range, Value, value_to_json

Json = dict[str, Any]

_LINE: Final = 99  # characters; longer lists have an entry a line
_BASICS: Final = ("slug", "name", "description", "parent", "method", "model")


def write_preset(preset: PresetFile) -> str:
    """Write a preset with the comments of its parameters, numbers as they were typed."""
    document = tomlkit.document()
    for name in _BASICS:
        if value := getattr(preset, name):
            document.add(name, _item(value))
    _write_settings(document, preset)
    if preset.parameters:
        _section(document, PARAMETERS, _parameters(preset.parameters, preset.method))
    if preset.overrides:
        _section(document, OVERRIDES, _overrides(preset))
    return tomlkit.dumps(document)


def write_for_heretic(resolved: Mapping[Key, Value], method: str) -> str:
    """Write the table `[parameters]` that the reference tool reads.

    It has no `*` and no `step` or `integer`: every component is named where they differ, and
    a comment says what is left out.
    """
    by_name: dict[str, dict[Key, Value]] = {}
    for key, value in resolved.items():
        by_name.setdefault(key.name, {})[key] = value
    specs: dict[Key, Spec] = {}
    for name, values in by_name.items():
        one, *others = values.values()
        alike = all(_same(one, other) for other in others)
        specs |= (
            {Key(name): _reduced(one)} if alike else {k: _reduced(v) for k, v in values.items()}
        )
    document = tomlkit.document()
    document.add(PARAMETERS, _parameters(specs, method))
    return tomlkit.dumps(document)


def _same(one: Value, other: Value) -> bool:
    return repr(value_to_json(one)) == repr(value_to_json(other))


def _reduced(value: Value) -> Spec:
    """A value as the reference tool can sample it."""
    if not isinstance(value, Range) or not (value.step or value.integer):
        return Spec(value)
    lost = [f"step {value.step}"] if value.step else []
    lost += ["whole numbers only"] if value.integer else []
    plain = Range(low=value.low, high=value.high, log=value.log)
    return Spec(plain, f"Without counterpart in Heretic, left out: {', '.join(lost)}.")


def _section(document: Container, name: str, table: Table | AoT) -> None:
    document.add(tomlkit.nl())
    document.add(name, table)


def _write_settings(document: Container, preset: PresetFile) -> None:
    fields = list(settings_class(METHODS[preset.method]).model_fields)
    settings = _ordered(preset.settings, fields)
    given = {name: value for name, value in settings.items() if value is not None}
    empty = [name for name in settings if name not in given]
    scorers = given.pop("scorers", [])
    if given or empty:
        document.add(tomlkit.nl())
    for name, value in given.items():
        document.add(name, _item(value))
    if empty:
        document.add(EMPTY, _item(empty))
    if scorers:
        _section(document, "scorers", _scorers(scorers))


def _scorers(scorers: Sequence[Mapping[str, Any]]) -> AoT:
    array = tomlkit.aot()
    for scorer in scorers:
        own = SCORERS[scorer["scorer"]].settings.model_fields
        table = _table(_ordered(scorer, list(ScorerConfig.model_fields)))
        table.add("settings", _table(_ordered(scorer["settings"], list(own))))
        array.append(table)
    return array


def _ordered(values: Mapping[str, Any], names: Sequence[str]) -> Json:
    """The same in the order of the schema, which no database keeps."""
    return {name: values[name] for name in sorted(values, key=names.index)}


def _table(values: Mapping[str, Any]) -> Table:
    """The values of a table, without the tables in it."""
    table = tomlkit.table()
    for name, value in values.items():
        if value is not None and not isinstance(value, Mapping):
            table.add(name, _item(value))
    return table


def _overrides(preset: PresetFile) -> Table:
    overrides = tomlkit.table(is_super_table=True)
    for pattern, specs in sorted(preset.overrides.items()):
        table = tomlkit.table(is_super_table=True)
        table.add(PARAMETERS, _parameters(specs, preset.method))
        overrides.add(pattern, table)
    return overrides


def _parameters(specs: Mapping[Key, Spec], method: str) -> Table:
    """Parameters in the order of the method; those with components as tables at the end."""
    table = tomlkit.table()
    names = [parameter.name for parameter in METHODS[method].parameters]
    ordered = sorted(specs, key=lambda key: (names.index(key.name), key.component))
    by_component = {key.name for key in specs if key.component != GENERAL}
    for key in ordered:
        if key.name not in by_component:
            _add(table, key.name, specs[key])
    for name in dict.fromkeys(key.name for key in ordered if key.name in by_component):
        inner = tomlkit.table()
        for key in ordered:
            if key.name == name:
                _add(inner, key.component or EVERY, specs[key])
        table.add(name, inner)
    return table


def _add(table: Table, name: str, spec: Spec) -> None:
    """Add a value with its comment above it."""
    for line in tidy_comment(spec.comment).split("\n") if spec.comment else ():
        table.add(tomlkit.comment(line))
    table.add(name, _item(value_to_json(spec.value)))


def _item(value: Any) -> Item:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        return tomlkit.string(value, multiline="\n" in value)
    if isinstance(value, Mapping):
        return _inline(value)
    if isinstance(value, list | tuple):
        return _array(value)
    item: Item = tomlkit.item(value)
    return item


def _inline(values: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    for name, value in values.items():
        if value is not None:
            table.add(name, _item(value))
    return table


def _array(values: Sequence[Any]) -> Array:
    array = tomlkit.array()
    for value in values:
        array.append(tomlkit.item(value) if isinstance(value, str) else _item(value))
    is_long = len(array.as_string()) > _LINE
    return array.multiline(is_long)
