"""Command line: `python -m studies.engine.bench`."""

import argparse
import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import torch

from studies.demo import files
from studies.engine.bench.arms import Arm, ProductArm, ReferenceArm
from studies.engine.bench.rounds import Comparison, as_json, compare
from studies.engine.bench.setup import KEYWORDS, Setup, make_setup


def main() -> int:
    """Compare both arms; 1 if their scores are too far apart for the times to mean much."""
    # The libraries' own calls of what they deprecate.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    options = _options()
    if not (options.model / "config.json").is_file():
        _say(f"No model in {options.model}: run `make quickstart`, or name one with --model.")
        return 2
    if options.threads:
        torch.set_num_threads(options.threads)
    setup = make_setup(
        model=options.model,
        prompts=options.prompts,
        n_trials=options.trials,
        n_prompts=options.n_prompts,
        batch_size=options.batch_size,
        max_response_length=options.max_response_length,
        markers=options.marker,
        seed=options.seed,
    )
    product = ProductArm(setup)
    baseline = ", ".join(f"{score.name} {score.display}" for score in product.facts.baseline)
    _say(f"{product.facts.architecture}, original: {baseline}")
    arms: dict[str, Arm] = {"product": product, "reference": ReferenceArm(setup, product.method)}
    n_prompts = len(setup.prompt_sets[KEYWORDS])
    found = compare(arms, setup.trials, n_prompts=n_prompts, tell=_say)
    _report(found)
    if options.json:
        report = {**as_json(found), "conditions": _conditions(setup)}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0 if found.agree else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Trials per minute beside an arm that works as the reference tool does.",
    )
    parser.add_argument("--model", type=Path, default=files.MODEL_DIR, help="model folder")
    parser.add_argument("--prompts", type=Path, default=files.PROMPTS_DIR, help="prompt folder")
    parser.add_argument("--trials", type=int, default=10, help="counted rounds")
    parser.add_argument("--n-prompts", type=int, help="use only the first so many of each list")
    parser.add_argument("--batch-size", type=int, default=100, help="prompts at once, both arms")
    parser.add_argument("--max-response-length", type=int, default=40, help="tokens")
    parser.add_argument("--marker", action="append", help="instead of the default markers")
    parser.add_argument("--threads", type=int, help="torch's; default: torch decides")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser.parse_args()


def _report(found: Comparison) -> None:
    for name, arm in (("reference-like", found.reference), ("Heretic Web", found.product)):
        _say(f"{name:>14}: {arm.trials_per_minute:7.1f} trials per minute (median)")
    low, high = min(found.ratios), max(found.ratios)
    _say(f"{'ratio':>14}: {found.ratio:7.2f} (single rounds {low:.2f} to {high:.2f})")
    _say(f"{'processor time':>14}: {found.processor_ratio:7.2f} (the same ratio)")
    verdict = "roughly agree" if found.agree else "DO NOT AGREE"
    _say(
        f"{'scores':>14}: {verdict} (median difference: {found.matches_apart:g} answers, "
        f"{found.divergence_apart:.1%} of the KL divergence)"
    )


def _conditions(setup: Setup) -> dict[str, object]:
    return {
        "model": setup.model.name,
        "n_prompts": {slug: len(prompts) for slug, prompts in setup.prompt_sets.items()},
        "batch_size": setup.settings.batch_size,
        "max_response_length": setup.settings.max_response_length,
        "threads": torch.get_num_threads(),
        "machine": platform.platform(),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
