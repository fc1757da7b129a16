"""Command line: `python -m studies.engine.bench`."""

import argparse
import json
import platform
import sys
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

from studies.demo import files
from studies.engine.bench import sizes
from studies.engine.bench.arms import Arm, ProductArm, ReferenceArm
from studies.engine.bench.profiling import profile
from studies.engine.bench.roofline import beside_roofline
from studies.engine.bench.rounds import (
    COMPILED,
    REFERENCE,
    SIDE_BY_SIDE,
    ArmResult,
    as_json,
    compare,
)
from studies.engine.bench.setup import KEYWORDS, Setup, make_setup, with_compiled_steps
from studies.engine.bench.soak import LIMIT, WARM, soak


def main() -> int:
    """Compare all arms; 1 if their scores are too far apart for the times to mean much."""
    # The libraries' own calls of what they deprecate.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    options = _options()
    if options.threads:
        torch.set_num_threads(options.threads)
    reports = {}
    for name in [str(options.model)] if options.model else options.size or sizes.NAMES[:2]:
        chosen = _completed(options, sizes.WORK.get(name, sizes.Work()))
        with nullcontext(options.model) if options.model else sizes.model_of_size(name) as model:
            if not (model / "config.json").is_file():
                _say(f"No model in {model}: run `make quickstart`, or name one with --model.")
                return 2
            reports[name] = (_soaked if options.soak else _compared)(chosen, model)
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1) + "\n", encoding="utf-8")
    return 0 if all(report["passed"] for report in reports.values()) else 1


def _completed(options: argparse.Namespace, work: sizes.Work) -> argparse.Namespace:
    """The options, with the size's own where none was given."""
    given = {name: one for name, one in vars(options).items() if one is not None}
    return argparse.Namespace(**(vars(options) | work._asdict() | given))


def _soaked(options: argparse.Namespace, model: Path) -> dict[str, Any]:
    at_once = min(options.at_once, options.trials)
    options.rounds = -(-options.soak // options.trials) - 1  # one more is drawn, to warm up
    setup = _setup(options, model)
    found = soak(setup, at_once, _say)
    grown = f"{found.growth:+.2%}" if found.n_trials > WARM else "unknown"
    _say(f"{found.n_trials} trials, {at_once} side by side: growth after {WARM}: {grown}")
    passed = found.n_trials <= WARM or found.growth < LIMIT
    return {"soak": asdict(found), "passed": passed, "conditions": _conditions(setup)}


def _setup(options: argparse.Namespace, model: Path) -> Setup:
    return make_setup(
        model=model,
        prompts=options.prompts,
        n_rounds=options.rounds,
        n_trials=options.trials,
        n_prompts=options.n_prompts,
        batch_size=options.batch_size,
        max_response_length=options.max_response_length,
        markers=options.marker,
        seed=options.seed,
        dtype=options.dtype,
    )


def _compared(options: argparse.Namespace, model: Path) -> dict[str, Any]:
    setup, at_once = _setup(options, model), min(options.at_once, options.trials)
    alone = ProductArm(setup)
    baseline = ", ".join(f"{score.name} {score.display}" for score in alone.facts.baseline)
    _say(f"\n{alone.facts.architecture} in {model.name}, original: {baseline}")
    arms: dict[str, Arm] = {
        REFERENCE: ReferenceArm(setup, alone.method),
        "one by one": alone,
        SIDE_BY_SIDE: ProductArm(setup, at_once),
    }
    if options.compile:
        arms[COMPILED] = ProductArm(with_compiled_steps(setup), at_once)
    n_prompts = len(setup.prompt_sets[KEYWORDS])
    found = compare(arms, setup.rounds, n_alone=options.alone, n_prompts=n_prompts, tell=_say)
    _report(found)
    for arm in arms.values():
        for note in arm.facts.notes if isinstance(arm, ProductArm) else ():
            _say(note)
    report = {
        "arms": as_json(found),
        "passed": all(arm.agrees for arm in found.values()),
        "conditions": _conditions(setup),
    }
    trials = setup.rounds[-1]
    if options.roofline:
        report["roofline"] = beside_roofline(arms, trials, options.alone, _say)
    if options.profile:
        options.profile.write_text(profile(arms, trials), encoding="utf-8")
    return report


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench",
        description="Trials per minute beside an arm that works as the reference tool does.",
    )
    parser.add_argument(
        "--size", action="append", choices=sizes.NAMES, help="default: tiny, small"
    )
    parser.add_argument("--model", type=Path, help="model folder, instead of a size")
    parser.add_argument("--prompts", type=Path, default=files.PROMPTS_DIR, help="prompt folder")
    parser.add_argument("--rounds", type=int, help="counted rounds")
    parser.add_argument("--trials", type=int, help="of each round")
    parser.add_argument("--alone", type=int, help="of those, for arms that run one by one")
    parser.add_argument("--at-once", type=int, default=16, help="trials side by side")
    parser.add_argument("--n-prompts", type=int, help="use only the first so many of each list")
    parser.add_argument("--batch-size", type=int, default=100, help="prompts at once, all arms")
    parser.add_argument("--max-response-length", type=int, help="tokens")
    parser.add_argument(
        "--soak", type=int, metavar="TRIALS", help="watch memory over so many, instead"
    )
    parser.add_argument("--marker", action="append", help="instead of the default markers")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="one more arm, with compiled steps",
    )
    parser.add_argument("--dtype", help="number format of all arms")
    parser.add_argument(
        "--roofline", action="store_true", help="how near each arm comes to the device's rates"
    )
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="write there what takes the time in each arm"
    )
    parser.add_argument("--threads", type=int, help="torch's; default: torch decides")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    return parser.parse_args()


def _report(found: Mapping[str, ArmResult]) -> None:
    _say(
        f"{'arm':>14} {'trials/min':>11} {'ratio':>6} {'(rounds)':>13} {'cpu ratio':>9} "
        f"{'peak MiB':>9} {'prompts':>8} {'decoding':>8} {'other':>6}  scores"
    )
    for name, arm in found.items():
        spread = f"({min(arm.ratios):.2f}-{max(arm.ratios):.2f})"
        shares = " ".join(f"{share:>8.0%}" for share in arm.phases.values())
        verdict = "agree" if arm.agrees else "DO NOT AGREE"
        _say(
            f"{name:>14} {arm.trials_per_minute:11.1f} {arm.ratio:6.2f} {spread:>13} "
            f"{arm.processor_ratio:9.2f} {arm.peak_bytes / 2**20:9.0f} {shares}  {verdict}"
        )


def _conditions(setup: Setup) -> dict[str, object]:
    return {
        "model": setup.model.name,
        "n_prompts": {slug: len(prompts) for slug, prompts in setup.prompt_sets.items()},
        "batch_size": setup.settings.batch_size,
        "max_response_length": setup.settings.max_response_length,
        "dtypes": setup.settings.dtypes,
        "threads": torch.get_num_threads(),
        "machine": platform.platform(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "load": psutil.getloadavg(),  # over 1, 5 and 15 minutes, at the end
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
