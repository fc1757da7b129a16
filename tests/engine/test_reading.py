"""Differences between texts, agreement of raters, and rows in files."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine import word_diff as diff
from studies.engine.agreement import agreement
from studies.engine.row_formats import csv_text, json_lines
from studies.engine.word_diff import word_diff


@given(st.text(), st.text())
def test_the_pieces_of_a_text_joined_are_the_text(before, after):
    old, new = word_diff(before, after)

    assert "".join(piece.text for piece in old) == before
    assert "".join(piece.text for piece in new) == after


def test_only_the_words_that_differ_are_marked():
    old, new = word_diff("I cannot tell you that.", "I can tell you that.")

    assert [piece.text for piece in old if piece.changed] == ["cannot"]
    assert [piece.text for piece in new if piece.changed] == ["can"]


def test_spaces_between_changed_words_are_no_islands():
    _, new = word_diff("Sorry, no.", "The old twist, no.")

    assert [(piece.changed, piece.text) for piece in new] == [
        (True, "The old twist"),
        (False, ", no."),
    ]


def test_the_same_text_has_no_difference_whatever_its_length(monkeypatch):
    monkeypatch.setattr(diff, "MAX_PAIRS", 1)
    same, _ = word_diff("a b c", "a b c")
    changed, _ = word_diff("a b c", "a b d")

    assert [piece.changed for piece in same] == [False]
    assert [piece.changed for piece in changed] == [True]


def test_kappa_is_agreement_beyond_chance():
    # Cohen's own kind of example: 20 + 15 agree of 50, kappa 0.4.
    pairs = [(True, True)] * 20 + [(False, False)] * 15 + [(True, False)] * 5
    found = agreement(pairs + [(False, True)] * 10)

    assert (found.total, found.agreed, found.only_person, found.only_scorer) == (50, 35, 5, 10)
    assert found.kappa == pytest.approx(0.4)


def test_kappa_is_left_out_where_it_says_nothing():
    assert agreement([]).kappa is None
    assert agreement([(True, True)] * 3).kappa is None


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1 is", "@A1", "\tx", "\rx"])
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text):
    (row,) = csv.reader(io.StringIO(csv_text([{"a": text}], ["a"]), newline=""))

    assert row == [f"'{text}"]


def test_numbers_stay_numbers_and_texts_keep_their_lines():
    rows = [{"a": -0.25, "b": 'two\nlines, "quoted"', "c": True, "d": None}]
    (row,) = csv.reader(io.StringIO(csv_text(rows, ["a", "b", "c", "d", "e"]), newline=""))

    assert row == ["-0.25", 'two\nlines, "quoted"', "true", "", ""]


def test_names_of_columns_are_quoted_too():
    assert csv_text([], ["=x"], header=True) == "'=x\r\n"


def test_each_row_is_json_on_a_line_of_its_own():
    lines = json_lines([{"a": "zwei\nZeilen"}, {"a": "ü"}]).splitlines()

    assert [json.loads(line)["a"] for line in lines] == ["zwei\nZeilen", "ü"]
