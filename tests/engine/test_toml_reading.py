"""TOML texts of users: what is refused, where, in which words; and whose a comment is."""

import datetime
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.errors import InvalidInputError
from studies.engine.toml.reading import MAX_KEYS, MAX_LINES, read_toml

DEEP = "is nested too deeply (limit 20 levels)"
REFUSED = {
    "a table of tables, then a table": ("[[s]]\na=1\n[s]\nb=1\n", "line 3: [s] was a list of tables before"),
    "no value at the end": ("a=", "line 1: no value after ="),
    "no value in between": ("b = 1\na =\nc = 2", "line 2: no value after ="),
    "no value before a comment": ("a = # later\n", "line 1: no value after ="),
    "True": ("a = True", "line 1: write true, in small letters"),
    "FALSE": ("b=1\na = FALSE", "line 2: write false, in small letters"),
    "leading zero": ("a = 01", "line 1: numbers must not start with 0"),
    "negative leading zero": ("a = -01", "line 1: numbers must not start with 0"),
    "leading zero in a list": ("a = [\n 1,\n 02,\n]", "line 3: numbers must not start with 0"),
    "trailing point": ("a = 1.", "line 1: write 1.0"),
    "trailing point in a table": ("a = { low = 1., high = 2 }", "line 1: write 1.0"),
    "point before an exponent": ("a = 1.e5", "line 1: write 1.0e5"),
    "leading point": ("a = .5", "line 1: write 0.5"),
    "half an exponent": ("a = 1e", 'line 1: is not a number (got "1e")'),
    "doubled underscore": ("a = 1__0", 'line 1: is not a number (got "1__0")'),
    "5000 digits": ("\n\na = " + "1" * 5000, "line 3: number has 5000 digits; at most 19 allowed"),
    "20 digits": ("[a]\nb = " + "1" * 20, "a.b: number has 20 digits; at most 19 allowed"),
    "too large for a float": ("a = { low = 1e400 }", "a.low: 1e400 is too large for a number here"),
    "Infinity": ("a = Infinity", "line 1: must be a finite number (got Infinity)"),
    "NaN": ("a = NaN", "line 1: must be a finite number (got NaN)"),
    "None": ("a = None", "line 1: there is no None in TOML; leave the setting out"),
    "null": ("a = null", "line 1: there is no null in TOML; leave the setting out"),
    "text without quotes": ("a = global", 'line 1: a text needs quotation marks: "global"'),
    "yes": ("a = yes", 'line 1: a text needs quotation marks: "yes"'),
    "text without its end": ('a = "abc\nb = 1', "line 1: a text is not closed with a quotation mark on its line"),
    "long text without its end": ('a = """abc\nb = 1', "line 2: ends in the middle of a value"),
    "escape": (r'a = "C:\q"', r"line 1: \q means nothing in a text; write \\ for a backslash"),
    "lone surrogate": (r'a = "\ud800"', "line 1: has an escape such as \\u00e9 that stands for no character"),
    "list without its end": ("a = [1, 2", "line 1: ends inside a list or table; is a ] or } missing?"),
    "table without its end": ("a = { x = 1", "line 1: ends inside a list or table; is a ] or } missing?"),
    "comma alone": ("a = [1,,2]", "line 1: a value is missing before ,"),
    "comma first in braces": ("a = {,}", "line 1: a value is missing before ,"),
    "two equals": ("a = = 1", "line 1: a value is missing before ="),
    "two on a line": ("a=1 b=2", 'line 1: unexpected "b=2" behind a value; each value has its own line'),
    "colon": ("a: 1", "line 1: write = between a name and its value, not :"),
    "only a name": ("abc\n", 'line 1: needs a name, = and a value (got "abc")'),
    "only a value": ("= 1", 'line 1: begins with "=", not with a name'),
    "name with a space": ("max weight = 1", 'line 1: the name "max weight" has a space; put it in quotes'),
    "table without a name": ("[]\na = 1", "line 1: the table has no name"),
    "open table name": ("[a\nb = 1", "line 1: the name of the table is not closed with ]"),
    "twice": ("a = 1\na = 2\nb = 3\n", 'line 2: "a" is set twice'),
    "twice in braces": ("b = 1\na = { x = 1, x = 2 }", 'line 2: "x" is set twice'),
    "twice by dots": ("a.b = 1\na.b = 2", 'line 2: "b" is set twice'),
    "table twice": ("[a]\nx=1\n[b]\n[a]\ny=2\n", 'line 4: "a" is set twice'),
    "table over a value": ("a=1\n[a]\nb=2", 'line 2: "a" is set twice'),
    "braces extended": ("a={x=1}\n[a.b]\nc=1", 'line 2: "a" is set twice'),
    "list over a table": ("[s]\na=1\n[[s]]\nb=1\n", 'line 3: "s" is set twice'),
    "bare CR": ("a = 1\nb = 2\rc = 3", "line 2: unusual line end; save the file with LF or CRLF"),
    "NUL": ("a = 1\n\0", "line 2: contains a control character (U+0000)"),
    "control character": ('a = "x\x01"', "line 1: contains a control character (U+0001)"),
    "Latin-1": ("größe = 1".encode("latin-1"), "file: is not UTF-8 text (byte 0xf6 at position 2)"),
    "UTF-16": ("a = 1".encode("utf-16"), "file: is not UTF-8 text (byte 0xff at position 0)"),
    "10 MB": (b"#" * 10_000_000, "file: is larger than 256 KiB"),
    "binary": (bytes(range(256)), "file: is not UTF-8 text (byte 0x80 at position 128)"),
    "many lines": ("\n" * MAX_LINES, f"file: has more than {MAX_LINES} lines"),
    "many values": ("a = {" + ",".join(f"k{i}=1" for i in range(MAX_KEYS + 1)) + "}", f"file: sets more than {MAX_KEYS} values"),
    "100000 brackets": ("a=" + "[" * 100_000, f"line 1: {DEEP}"),
    "21 brackets": ("a=" + "[" * 21 + "]" * 21, "a" + "[0]" * 19 + f": {DEEP}"),
    "21 braces": ("a = " + "{ b = " * 21 + "1" + "}" * 21, "a" + ".b" * 19 + f": {DEEP}"),
    "5000 dots": (".".join("a" * 5000) + " = 1", f"line 1: {DEEP}"),
    "30 dots": (".".join("a" * 30) + " = 1", ".".join("a" * 20) + f": {DEEP}"),
    "dots within braces": ("a = " + ("{ " + ".".join("a" * 90) + " = ") * 90 + "1" + "}" * 90, ".".join("a" * 20) + f": {DEEP}"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_text_that_cannot_be_read_is_refused_once_with_its_place(text, message):
    with pytest.raises(InvalidInputError) as caught:
        read_toml(text)

    assert [str(problem) for problem in caught.value.problems] == [message]


TAKEN = {
    "braces on several lines": ("a = {\n  x = 1,\n  y = 2,\n}", {"a": {"x": 1, "y": 2}}),
    "comma before the brace": ("a = { x = 1, }", {"a": {"x": 1}}),
    "BOM": (b"\xef\xbb\xbfa = 1", {"a": 1}),
    "CRLF": ("a = 1\r\nb = 2\r\n", {"a": 1, "b": 2}),
    "nothing": ("", {}),
    "time": ("a = 07:32", {"a": datetime.time(7, 32)}),
    "date": ("a = 1979-05-27", {"a": datetime.date(1979, 5, 27)}),
    "infinite": ("a = -inf", {"a": -math.inf}),
    "other notations": ("a = [0x10, 1_000, +1, 1e3]", {"a": [16, 1000, 1, 1000.0]}),
    "tables in any order": ("[a.b]\nx=1\n[c]\n[a.d]\ny=2", {"a": {"b": {"x": 1}, "d": {"y": 2}}, "c": {}}),
    "dots and quotes": ('a."b.c".d = 1\na."b.c".e = 2', {"a": {"b.c": {"d": 1, "e": 2}}}),
    "lists of tables": ("[[s]]\na=1\n[[s]]\n[s.t]\nb=2", {"s": [{"a": 1}, {"t": {"b": 2}}]}),
    "19 levels": ("a=" + "[" * 19 + "]" * 19, None),
}  # fmt: skip


@pytest.mark.parametrize(("text", "values"), TAKEN.values(), ids=TAKEN)
def test_what_toml_allows_comes_through(text, values):
    read = read_toml(text).values

    if values is not None:
        assert read == values


def test_values_are_plain_and_numbers_stay_as_typed():
    values = read_toml('a = 1\nb = 1.0\nc = true\nd = "x"\ne = [1, 1.0]').values

    kinds = [type(value) for value in values.values()]
    assert kinds == [int, float, bool, str, list]
    assert [type(value) for value in values["e"]] == [int, float]


COMMENTS = """\
# Of the file.

# Of the table, not of the first name in it.
[p]
# Above,
#
#   on three lines.
a = 1  # beside

# Dropped: a blank line parts it from the next.

b = [ # behind the bracket
  1,  # of the one
  # between
  2,
]
c = {
  # within braces
  low = 0,  # of low

  high = 1,  # of high
  # at the end
}
"d.e" = 1
# Above a table behind another.
[p.f]  # beside its name
low = 1  # of f's low
# of f's high
high = 2
"""


@pytest.mark.parametrize(
    ("path", "comment"),
    [
        (("p", "a"), "Above,\n\n  on three lines.\nbeside"),
        (("p", "b"), "behind the bracket\nof the one\nbetween"),
        (("p", "c", "low"), "within braces\nof low"),
        (("p", "c", "high"), "of high"),
        (("p", "c"), "within braces\nof low\nof high\nat the end"),
        (("p", "d.e"), ""),
        (("p", "f"), "Above a table behind another.\nbeside its name\nof f's low\nof f's high"),
    ],
)
def test_a_comment_belongs_to_what_it_stands_beside_above_or_in(path, comment):
    found = read_toml(COMMENTS).comments_below(path)

    assert sorted(found.split("\n")) == sorted(comment.split("\n"))


SCRAPS = st.sampled_from(
    ["a", "b.c", '"', "'", '"""', "=", "[", "]", "[[", "{", "}", ",", "\n", "#", " ", "1", "1.",
     "07:3", "true", "2026-1", "\\", "\\u00", "\r\n", "inf", "e", "é", "\u2028", "\ufeff"]
)  # fmt: skip


def problems_of(source):
    try:
        read_toml(source)
    except InvalidInputError as error:
        return error.problems
    return []


@given(st.lists(SCRAPS, max_size=25).map("".join))
def test_whatever_is_typed_is_read_or_refused_with_its_place_and_reason(text):
    for place, message in problems_of(text):
        assert place
        assert message.strip() == message != ""


@given(st.binary(max_size=60))
def test_bytes_are_read_or_refused(data):
    assert len(problems_of(data)) <= 50
