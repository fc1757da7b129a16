"""Rows in the order in which they join, and what is copied when that changes."""

from hypothesis import given
from hypothesis import strategies as st

from studies.engine.lineup import apart, lined_up, moves, twins_of

N_LAYERS = 5


@st.composite
def histories(draw):
    """Where rows begin to differ, and how their texts grow, step by step, until they end."""
    n_rows = draw(st.integers(1, 12))
    starts = draw(st.lists(st.integers(0, N_LAYERS), min_size=n_rows, max_size=n_rows))
    texts = {row: (draw(st.integers(0, 2)),) for row in range(n_rows)}
    steps = []
    for _ in range(draw(st.integers(1, 5))):
        steps.append(dict(texts))
        ended = draw(st.sets(st.sampled_from(sorted(texts)), max_size=2))
        texts = {row: text for row, text in texts.items() if row not in ended}
        if not texts:
            break
        texts = {row: (*text, draw(st.integers(0, 1))) for row, text in texts.items()}
    return starts, steps


@given(histories())
def test_each_layer_holds_what_the_rows_that_it_computes_have_read(history):
    """A row's state in a layer is its text, and whose it is from the layer on that it changes."""
    starts, steps = history

    def state(row, layer, text):
        return (text[0], *text[1:-1], row if layer >= starts[row] else None)

    line = apart(len(starts))
    first = steps[0]
    # The token that a step reads is not yet there.
    cache = [[state(row, layer, first[row]) for row in line.rows] for layer in range(N_LAYERS)]
    for texts in steps:
        before, line = line, lined_up(line, twins_of(texts, starts), starts)
        for layer, (places, sources) in enumerate(moves(before, line, N_LAYERS)):
            copied = [cache[layer][source] for source in sources]
            for place, one in zip(places, copied, strict=True):
                cache[layer][place] = one
            n_active = sum(begin <= layer for begin in line.begins)
            for place, row in enumerate(line.rows[:n_active]):
                assert cache[layer][place] == state(row, layer, texts[row])
        # The step: active rows read their latest token.
        for layer in range(N_LAYERS):
            for place, (row, begin) in enumerate(zip(line.rows, line.begins, strict=True)):
                if begin <= layer:
                    whole = (*texts[row], None)
                    cache[layer][place] = state(row, layer, whole)


@given(histories())
def test_rows_stand_in_the_order_in_which_they_join_behind_their_twins(history):
    starts, steps = history
    line = apart(len(starts))
    for texts in steps:
        line = lined_up(line, twins_of(texts, starts), starts)
        assert sorted(line.rows) == sorted(texts)
        assert line.begins == sorted(line.begins)
        for place, (row, begin) in enumerate(zip(line.rows, line.begins, strict=True)):
            twin = line.rows[line.twins[place]]
            assert texts[twin] == texts[row]
            assert starts[twin] >= starts[row], "else it would change what the row does not"
            assert line.begins[line.twins[place]] == 0
            assert begin == (0 if twin == row else starts[row])


@given(histories())
def test_rows_that_can_stay_where_they_are_do(history):
    starts, steps = history
    before = apart(len(starts))
    for texts in steps:
        line = lined_up(before, twins_of(texts, starts), starts)
        begins = dict(zip(line.rows, line.begins, strict=True))
        for place, row in enumerate(before.rows[: len(line.rows)]):
            may_stay = row in begins and line.begins[place] == begins[row]
            assert not may_stay or line.rows[place] == row
        before = line


def test_nothing_is_copied_where_nothing_changes():
    starts = [0, 3, 2, 3]
    twins = twins_of({0: "a", 1: "a", 2: "a", 3: "b"}, starts)
    assert twins == {0: 1, 1: 1, 2: 1, 3: 3}
    line = lined_up(apart(4), twins, starts)
    assert line == ([0, 1, 3, 2], [0, 0, 0, 2], [1, 1, 2, 1])
    assert all(not places for places, _ in moves(line, lined_up(line, twins, starts), N_LAYERS))


def test_a_row_that_parts_takes_over_what_its_twin_holds_of_the_layers_that_it_skipped():
    starts = [3, 2]
    line = lined_up(apart(2), {0: 0, 1: 0}, starts)
    parted = lined_up(line, {0: 0, 1: 1}, starts)
    assert list(moves(line, parted, 4)) == [([1], [0]), ([1], [0]), ([], []), ([], [])]
