"""The comparison with the reference tool's way: fair, and about the same thing."""

import json
import sys

import pytest
import torch

from studies.demo import files
from studies.engine.bench import __main__ as bench
from studies.engine.bench.arms import RANK, Scores, change, low_rank
from studies.engine.bench.rounds import compare
from tests.engine.tiny import save_tiny

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
    def __init__(self, log, name, scores):
        self.log, self.name, self.scores = log, name, iter(scores)

    def trial(self, parameters):
        self.log.append((parameters, self.name))
        return next(self.scores)


def compared(product, reference):
    log = []
    arms = {
        "product": Scripted(log, "product", product),
        "reference": Scripted(log, "reference", reference),
    }
    found = compare(arms, range(len(product)), n_prompts=100, tell=lambda line: None)
    return found, log


def test_both_arms_run_every_trial_in_turn_and_take_turns_in_beginning():
    scores = [Scores(3, 0.1)] * 4
    found, log = compared(scores, scores)
    assert [number for number, _ in log] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [name for _, name in log][::2] == ["product", "reference"] * 2
    assert len(found.ratios) == len(found.scores) == 3, "the first trial only warms up"
    assert found.agree


@pytest.mark.parametrize("other", [Scores(30, 0.1), Scores(3, 0.2)])
def test_arms_that_measure_something_else_are_told_apart(other):
    found, _ = compared([Scores(3, 0.1)] * 4, [other] * 4)
    assert not found.agree


def test_the_command_compares_both_arms_on_a_real_model(tmp_path, monkeypatch, capsys):
    model = save_tiny("qwen3", tmp_path / "model")
    for number, name in enumerate(files.PROMPT_FILES):
        lines = [f"Question {number} {line} of many?" for line in range(6)]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    report = tmp_path / "report.json"
    options = ["--model", model, "--prompts", tmp_path, "--trials", 3, "--json", report]
    options += ["--max-response-length", 5, "--batch-size", 4, "--marker", "e"]
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, options)])
    bench.main()
    said = capsys.readouterr().out
    assert "trials per minute" in said
    assert "ratio" in said
    found = json.loads(report.read_text(encoding="utf-8"))
    assert len(found["product"]["seconds"]) == len(found["reference"]["seconds"]) == 3
    assert found["divergence_apart"] < 0.25
    assert found["conditions"]["batch_size"] == 4


def test_without_a_model_the_command_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--model", str(tmp_path)])
    assert bench.main() == 2
    assert "make quickstart" in capsys.readouterr().out
