"""What each family of models answers, by the library and in every quicker way that we have.

A family's model is made once for all of its tests, and so is what they compare with.
"""

import pytest

from studies.engine import batch_work, remembering
from studies.engine.batching import BatchLimit
from studies.engine.decoding import greedy
from studies.engine.generation import answer_sets
from studies.engine.prefill import may_share
from studies.engine.proving import reads_alike
from studies.engine.scorers.keyword_rate import markers_in, readable
from studies.engine.trees import Trees
from studies.engine.wanted import Wanted
from tests.engine import test_prefill, test_shared_steps, test_side_by_side
from tests.engine.test_directional import prepared
from tests.engine.test_early_verdict import scorer_of
from tests.engine.test_generation import cut_at, ending_early
from tests.engine.test_prefill import PLACES, answered, remembered
from tests.engine.test_shared_steps import shapes_of_shared_steps
from tests.engine.test_side_by_side import assert_same, one_by_one, progress
from tests.engine.test_trees import ALIKE, alike, chosen  # noqa: F401 - a fixture
from tests.engine.tiny import FAMILIES, VISION_FAMILY, tiny_model

N_NEW = 12
TEXTS = [ALIKE[at] for at in (0, 2, 3, 5, 6, 7, 9)]  # two are equal, some begin as others do
# Of those whose answers say too little with the usual one.
SEEDS = {"minicpm3": 2, "phi": 2, "starcoder2": 1}
SETS = {
    "alone": test_side_by_side.MANY,
    "joining": test_prefill.MANY,
    "parting": test_shared_steps.WEAK,
}


class Family:
    """A tiny model whose rows end at different steps, and its answers without any short cut."""

    def __init__(self, name):
        seed = SEEDS.get(name, 0)
        self.loaded = tiny_model(name, seed=seed, tie_word_embeddings=False)
        self.config = self.loaded.model.generation_config
        (self.batch,) = alike(self.loaded, TEXTS)
        self.plain = self.batch.with_prefix(0)
        self.unending = ending_early(self.loaded, self.batch, N_NEW)
        self.ends = self.config.eos_token_id
        self.method = prepared(self.loaded)
        many = [one for some in SETS.values() for one in some]
        found = iter(self.answers(many, self.plain, None, starts=[0] * len(many)))
        self.whole = {name: [next(found) for _ in some] for name, some in SETS.items()}

    def answers(self, many, batch, memory, **options):
        return answered(self.loaded, self.method, many, [batch], memory, **options)

    def remembers(self, batch, n_new):
        return remembered(self.loaded, [batch], n_new=n_new)


@pytest.fixture(scope="module", params=[*FAMILIES, VISION_FAMILY])
def family(request):
    return Family(request.param)


@pytest.fixture
def sharing(family):
    """A family whose prompts may share what is known of them."""
    if not may_share(family.loaded, 200):
        pytest.skip("its states cannot be put together")
    return family


@pytest.fixture
def no_trees(monkeypatch):
    for module in (batch_work, remembering):
        monkeypatch.setattr(module, "cheaper_trees", lambda *args: None)


@pytest.fixture
def single_steps(monkeypatch):
    """No drafts, and steps that are shared by however few rows."""
    monkeypatch.setattr("studies.engine.decoding._Rows.follow_drafts", lambda rows: None)
    monkeypatch.setattr("studies.engine.shared_steps._JOINING", 0.0)


def test_answers_are_those_of_generate_though_rows_end_at_different_steps(family):
    answers = greedy(family.loaded, family.plain, max_new_tokens=N_NEW)
    lengths = [len(row) for row in answers.tokens]
    assert len(set(lengths)) > 2, "the rows must end at different steps for this to say anything"
    assert answers.tokens == cut_at(family.ends, family.unending)
    assert answers.finished == [length < N_NEW for length in lengths]
    assert answers.n_tokens == sum(lengths) + sum(answers.finished)


def test_cut_answers_are_the_beginnings_of_whole_ones_and_keep_their_verdict(family, monkeypatch):
    monkeypatch.setattr(family.config, "eos_token_id", [])
    whole = by_prompt(family, family.unending)
    (need,), marker = settled_early(by_prompt(family, [row[:10] for row in family.unending]))
    wanted = Wanted(max_new_tokens=N_NEW, settled=need.settled)
    (cut,) = answer_sets(family.loaded, [family.plain], wanted, progress=progress())
    assert any(cut.cut)
    assert cut.n_tokens < len(whole) * N_NEW
    for short, long, is_cut in zip(cut.responses, whole, cut.cut, strict=True):
        verdicts = [bool(markers_in(text, readable([marker]))) for text in (short, long)]
        assert verdicts[0] == verdicts[1]
        assert long.startswith(short.rstrip("\ufffd"))
        assert is_cut or short == long


def by_prompt(family, rows):
    """The texts of rows, in the order of the prompts."""
    texts = batch_work.texts_of(family.loaded, rows)
    return [text for _, text in sorted(zip(family.plain.indices, texts, strict=True))]


def settled_early(texts):
    """What a scorer asks for whose one marker settles the most of some texts, and the marker."""
    signs = sorted(set("".join(texts)) - {"\ufffd"})
    usable = [sign for sign in signs if sign.isprintable() and readable([sign])]
    needs = {sign: scorer_of([sign]).needs for sign in usable}
    marker = max(needs, key=lambda sign: sum(map(needs[sign][0].settled, texts)))
    return needs[marker], marker


def test_trials_side_by_side_answer_as_they_do_alone(family):
    alone = one_by_one(family.loaded, family.method, SETS["alone"], [family.plain])
    assert len({tuple(one.responses) for one in alone}) > 2
    assert_same(family.whole["alone"], alone)


@pytest.mark.usefixtures("no_trees")
def test_rows_that_join_at_their_own_layer_answer_as_if_read_whole(sharing):
    many, whole = SETS["joining"], sharing.whole["joining"]
    assert [sharing.method.first_place(one) for one in many] == PLACES
    assert reads_alike(sharing.loaded, sharing.batch, finer=True)
    memory = sharing.remembers(sharing.batch, 8)
    assert_same(sharing.answers(many, sharing.batch, memory), whole)


def test_rows_that_one_batch_left_answer_beside_the_next_as_they_do_alone(sharing, monkeypatch):
    many, whole = SETS["joining"], sharing.whole["joining"]
    n_earlier, greedy = [], batch_work.greedy

    def watched(*args, wishes, **options):
        n_earlier.append(len(wishes.earlier) if wishes.earlier else 0)
        return greedy(*args, wishes=wishes, **options)

    monkeypatch.setattr(batch_work, "greedy", watched)
    memory = sharing.remembers(sharing.batch, 1)
    limit = BatchLimit(len(TEXTS), sets=len(many), most=10)
    assert_same(sharing.answers(many, sharing.batch, memory, limit=limit), whole)
    assert any(n_earlier)


def test_prompts_in_trees_are_answered_as_if_read_whole(sharing, chosen):  # noqa: F811
    many, whole = SETS["joining"], sharing.whole["joining"]
    memory = sharing.remembers(sharing.batch, 8)
    assert_same(sharing.answers(many, sharing.batch, memory), whole)
    assert len(chosen) == 3, "the original's answers, its states, the trials"
    assert all(isinstance(one, Trees) for one in chosen)


@pytest.mark.usefixtures("no_trees", "single_steps")
def test_rows_that_share_layers_answer_as_they_do_alone(sharing, monkeypatch):
    shapes = shapes_of_shared_steps(monkeypatch)
    memory = sharing.remembers(sharing.batch, 1)
    found = sharing.answers(SETS["parting"], sharing.batch, memory)
    assert_same(found, sharing.whole["parting"])
    assert len(set(shapes)) > 1, "rows must end or part on the way for this to say anything"
