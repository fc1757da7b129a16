"""The comparison with the reference tool's way: fair, and about the same thing."""

import json
import sys
import time
from functools import partial

import pytest
import torch
from torch.nn import functional

from studies.demo import files
from studies.engine import step_choice
from studies.engine.bench import __main__ as bench
from studies.engine.bench import roofline, sizes
from studies.engine.bench.arms import RANK, Scores, change, low_rank
from studies.engine.bench.probes import PeakMemory, Phases
from studies.engine.bench.roofline import LeastTime, Rates
from studies.engine.bench.rounds import compare
from studies.engine.bench.soak import Soak
from studies.engine.compiled_step import CompiledStep
from studies.engine.decoding import greedy
from studies.engine.loading import load_model
from tests.engine.test_generation import batches_of
from tests.engine.tiny import save_tiny, tiny_model

torch.set_num_threads(1)


def test_the_reference_arm_changes_a_matrix_by_the_formula_and_keeps_row_norms():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(12, 7, generator=generator)
    direction = torch.nn.functional.normalize(torch.randn(12, generator=generator), dim=0)
    changed = weight + change(weight, direction, 0.8)
    torch.testing.assert_close(changed.norm(dim=1), weight.norm(dim=1))
    rows = torch.nn.functional.normalize(weight, dim=1)
    rows = rows - 0.8 * torch.outer(direction, direction @ rows)
    cosines = torch.nn.functional.cosine_similarity(changed, rows, dim=1)
    torch.testing.assert_close(cosines, torch.ones(12))
    assert change(weight, direction, 0.0).abs().max() < 1e-6


def test_a_change_of_the_adapters_rank_is_stored_exactly():
    left, right = torch.randn(20, RANK), torch.randn(RANK, 9)
    b, a = low_rank(left @ right)
    assert (b.shape, a.shape) == ((20, RANK), (RANK, 9))
    torch.testing.assert_close(b @ a, left @ right, rtol=1e-4, atol=1e-4)


class Scripted:
    modules = (torch.nn.Linear(1, 1),)

    def __init__(self, log, name, scores, at_once=1):
        self.log, self.name, self.scores, self.at_once = log, name, scores, at_once

    def trials(self, many):
        self.log.append((self.name, list(many)))
        return [self.scores] * len(many)


def compared(product, reference):
    log = []
    arms = {
        "product": Scripted(log, "product", product, at_once=3),
        "reference": Scripted(log, "reference", reference),
    }
    rounds = [[10 * number + trial for trial in range(3)] for number in range(4)]
    return compare(arms, rounds, n_alone=2, n_prompts=100, tell=lambda line: None), log


def test_all_arms_run_every_round_and_take_turns_in_beginning():
    found, log = compared(Scores(3, 0.1), Scores(3, 0.1))
    assert [name for name, _ in log][::2] == ["product", "reference"] * 2
    assert [many for name, many in log if name == "product"][1] == [10, 11, 12]
    assert [many for name, many in log if name == "reference"][1] == [10, 11], "of the same round"
    assert len(found["product"].ratios) == 3, "the first round only warms up"
    assert found["product"].agrees
    assert found["reference"].ratios == [1.0] * 3


@pytest.mark.parametrize("other", [Scores(30, 0.1), Scores(3, 0.2)])
def test_arms_that_measure_something_else_are_told_apart(other):
    found, _ = compared(Scores(3, 0.1), other)
    assert not found["product"].agrees


def test_phases_and_memory_are_those_of_the_arm():
    loaded = tiny_model("llama")
    (batch,) = batches_of(loaded)
    with PeakMemory() as memory, Phases(loaded.model) as phases:
        begun = time.perf_counter()
        greedy(loaded, batch, max_new_tokens=4)
        seconds = time.perf_counter() - begun
    shares = phases.shares(seconds)
    assert list(shares) == ["prompts", "decoding", "other"]
    assert sum(shares.values()) == pytest.approx(1)
    assert all(0 < share < 1 for share in shares.values())
    assert memory.peak > 2**20
    assert not loaded.model._forward_hooks


def test_a_pass_within_another_is_a_part_of_it():
    inner = torch.nn.Module()
    inner.forward = lambda **inputs: time.sleep(0.02)
    outer = torch.nn.Module()
    outer.forward = lambda **inputs: (time.sleep(0.02), inner(**inputs))
    with Phases(outer, inner) as phases:
        begun = time.perf_counter()
        outer(input_ids=torch.zeros(3, 1))
        inner(input_ids=torch.zeros(3, 1))
        seconds = time.perf_counter() - begun
    assert 0.9 < phases.shares(seconds)["decoding"] <= 1


def test_the_command_compares_all_arms_on_a_real_model(tmp_path, monkeypatch, capsys):
    model = save_tiny("qwen3", tmp_path / "model", num_hidden_layers=1)
    for number, name in enumerate(files.PROMPT_FILES):
        lines = [f"Question {number} {line} of many?" for line in range(6)]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    report = tmp_path / "report.json"
    options = ["--model", model, "--prompts", tmp_path, "--rounds", 1, "--trials", 2]
    options += ["--json", report, "--max-response-length", 3, "--batch-size", 4, "--marker", "e"]
    options += ["--compile", "--roofline", "--profile", tmp_path / "profile"]
    monkeypatch.setattr(step_choice, "CompiledStep", partial(CompiledStep, backend="eager"))
    monkeypatch.setattr(roofline, "_TURNS", 1)
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, options)])
    bench.main()
    said = capsys.readouterr().out
    assert "trials/min" in said
    assert "side by side" in said
    (found,) = json.loads(report.read_text(encoding="utf-8")).values()
    arms = found["arms"]
    names = ["reference", "one by one", "side by side", "compiled"]
    assert list(arms) == names
    assert all(len(arm["seconds"]) == 1 for arm in arms.values())
    assert arms["side by side"]["at_once"] == 2
    assert all(arm["divergence_apart"] < 0.25 for arm in arms.values())
    assert found["conditions"]["batch_size"] == 4
    assert list(found["roofline"]["arms"]) == names
    least = [found["roofline"]["arms"][name]["least"] for name in names[2:]]
    assert least[1] == pytest.approx(least[0]), "compiled steps are counted, too"
    assert (tmp_path / "profile").read_text(encoding="utf-8").count("aten::mm") >= len(names)


def test_the_least_time_is_that_of_products_and_attention():
    linear, rates = torch.nn.Linear(100, 50), Rates(operations=1e6, bytes=1e12)
    inputs = torch.randn(7, 3, 100)
    query, key = torch.randn(2, 4, 3, 8), torch.randn(2, 4, 5, 8)
    mask = torch.zeros(2, 1, 3, 5)
    with torch.inference_mode(), LeastTime(rates) as counted:
        functional.silu(linear(inputs))
        functional.scaled_dot_product_attention(query, key, key, attn_mask=mask)
    n_operations = 2 * 21 * 100 * 50 + 2 * 2 * (2 * 4 * 3 * 5 * 8)
    assert counted.operations == n_operations
    assert counted.seconds == pytest.approx(n_operations / 1e6)


def test_where_memory_is_slow_the_least_time_is_that_of_reading_and_writing():
    left, right = torch.randn(3, 4), torch.randn(1, 5).expand(4, 5)
    with LeastTime(Rates(operations=1e12, bytes=1.0)) as counted:
        left @ right
    assert counted.seconds == 4 * (3 * 4 + 5 + 3 * 5), "what is spread is read once"


def test_memory_that_grows_after_the_warm_up_is_seen():
    warm = [100 + batch for batch in range(5)]  # 50 trials, ten at once
    steady = Soak(300, 10, [*warm, *[1000] * 25])
    growing = Soak(300, 10, [*warm, *[1000 + 2 * batch for batch in range(25)]])
    assert steady.growth == 0
    assert growing.growth == pytest.approx(46 / 1001)


def test_the_command_can_soak(tmp_path, monkeypatch, capsys):
    model = save_tiny("qwen3", tmp_path / "model")
    for number, name in enumerate(files.PROMPT_FILES):
        (tmp_path / name).write_text(f"Question {number}?\nAnd {number}?", encoding="utf-8")
    report = tmp_path / "report.json"
    options = ["--model", model, "--prompts", tmp_path, "--soak", 4, "--trials", 2]
    options += ["--json", report, "--max-response-length", 3]
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, options)])
    assert bench.main() == 0
    assert "growth after 50: unknown" in capsys.readouterr().out
    (found,) = json.loads(report.read_text(encoding="utf-8")).values()
    assert len(found["soak"]["resident"]) == 2


def test_sizes_are_built_around_the_demo_models_tokenizer(monkeypatch):
    monkeypatch.setitem(sizes.SIZES, "small", sizes.Shape(2, 16, 32, 2, 1, 8))
    with sizes.model_of_size("small") as folder:
        loaded = load_model(str(folder), dtypes=["float32"])
        assert (loaded.n_layers, loaded.d_model) == (2, 16)
        assert len(loaded.tokenizer) == loaded.model.config.vocab_size
    assert not folder.exists()


def test_without_a_model_the_command_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--model", str(tmp_path)])
    assert bench.main() == 2
    assert "make quickstart" in capsys.readouterr().out
