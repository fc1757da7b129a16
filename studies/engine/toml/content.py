"""What a parsed TOML document says: plain values, and the comments that belong to them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tomlkit.container import Container
from tomlkit.items import (
    AoT,
    Array,
    Bool,
    Comment,
    Float,
    InlineTable,
    Integer,
    Item,
    Key,
    Null,
    String,
    Table,
    Whitespace,
)

from studies.engine.errors import Problem
from studies.engine.problems import MAX_DEPTH, TOO_DEEP, place_at, refuse
from studies.engine.tables import Path
from studies.engine.toml.syntax import MAX_DIGITS

_INFINITE: Final = ("inf", "+inf", "-inf")


@dataclass(frozen=True, slots=True)
class TomlContent:
    """The values of a document; `comments` are by path, in the order of the text."""

    values: dict[str, Any]
    comments: dict[Path, str]

    def comments_below(self, path: Path) -> str:
        """Every comment of a value and of the parts of it, a line each."""
        found = [text for at, text in self.comments.items() if at[: len(path)] == path]
        return "\n".join(found)


def content_of(document: Container) -> TomlContent:
    """Take a document apart.

    Raises:
        InvalidInputError: it is nested too deeply or has numbers that are too long, each fault
            at its place.
    """
    reader = _Reader()
    values: dict[str, Any] = {}
    reader.fill(values, document, ())
    refuse(reader.problems)
    return TomlContent(values, {at: "\n".join(lines) for at, lines in reader.comments.items()})


@dataclass(slots=True)
class _Reader:
    """Walks a document in the order of its text.

    Comments above a name wait in `pending` until the name comes; a blank line drops them.
    """

    problems: list[Problem] = field(default_factory=list)
    comments: dict[Path, list[str]] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)

    def fill(
        self, target: dict[str, Any], container: Container, path: Path, *, inline: bool = False
    ) -> None:
        """Add what a table says; one that was written in several parts comes several times."""
        beside: Path | None = None  # the name on this line, to which a comment behind it belongs
        for key, item in container.body:
            if key is not None and not isinstance(item, Null):
                beside = (*path, key.key) if inline else None
                self._add(target, key, item, (*path, key.key))
            elif isinstance(item, Comment):
                self._comment(item, beside)
            elif isinstance(item, Whitespace) and "\n" in item.s:
                beside = None
                if item.s.count("\n") > inline:  # within braces, one only ends the line before
                    self.pending.clear()
        if inline:
            self._keep(path, self.pending)
            self.pending.clear()

    def _add(self, target: dict[str, Any], key: Key, item: Item, path: Path) -> None:
        if not (isinstance(item, Table) and item.is_super_table()):
            self._keep(path, [*self.pending, *_lines(item)])
            self.pending.clear()
        if len(path) > MAX_DEPTH:
            self.problems.append(Problem(place_at("", path[:MAX_DEPTH]), TOO_DEEP))
        elif isinstance(item, Table | InlineTable):
            inner = target.setdefault(key.key, {})
            if isinstance(inner, dict):
                self.fill(inner, item.value, path, inline=isinstance(item, InlineTable))
            else:
                self._set_twice(path)
        elif key.key in target:
            self._set_twice(path)
        else:
            target[key.key] = self._value(item, path)

    def _value(self, item: Item, path: Path) -> object:
        if isinstance(item, AoT):
            return [self._element(table, (*path, i)) for i, table in enumerate(item.body)]
        if isinstance(item, Array):
            return self._list(item, path)
        if isinstance(item, Bool | String):
            return item.unwrap()
        return self._number(item, path) if isinstance(item, Integer | Float) else item.unwrap()

    def _element(self, item: Item, path: Path) -> object:
        """One element of a list."""
        if len(path) > MAX_DEPTH:
            self.problems.append(Problem(place_at("", path[:MAX_DEPTH]), TOO_DEEP))
            return None
        if not isinstance(item, Table | InlineTable):
            return self._value(item, path)
        inner: dict[str, Any] = {}
        self.fill(inner, item.value, path, inline=isinstance(item, InlineTable))
        return inner

    def _list(self, array: Array, path: Path) -> list[object]:
        values: list[object] = []
        for item in array._iter_items():  # noqa: SLF001 - nothing public has the comments
            if isinstance(item, Comment):
                self._comment(item, path)
            elif not isinstance(item, Whitespace | Null):
                values.append(self._element(item, (*path, len(values))))
        return values

    def _number(self, number: Integer | Float, path: Path) -> int | float:
        typed = number.as_string()
        if isinstance(number, Float):
            if math.isinf(number) and typed not in _INFINITE:
                message = f"{typed[:20]} is too large for a number here"
                self.problems.append(Problem(place_at("", path), message))
            return float(number)
        n_digits = sum(character.isdigit() for character in typed)
        if n_digits > MAX_DIGITS:
            message = f"number has {n_digits} digits; at most {MAX_DIGITS} allowed"
            self.problems.append(Problem(place_at("", path), message))
        return int(number)

    def _set_twice(self, path: Path) -> None:
        self.problems.append(Problem(place_at("", path), "is set twice"))

    def _comment(self, comment: Comment, beside: Path | None) -> None:
        if beside is None:
            self.pending += _lines(comment)
        else:
            self._keep(beside, list(_lines(comment)))

    def _keep(self, path: Path, lines: list[str]) -> None:
        if lines:
            self.comments.setdefault(path, []).extend(lines)


def _lines(item: Item) -> Iterator[str]:
    """The comment on the line of an item, without its mark."""
    if item.trivia.comment:
        yield item.trivia.comment.removeprefix("#").removeprefix(" ").rstrip()
