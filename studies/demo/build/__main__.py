"""Command line: `python -m studies.demo.build --out FOLDER`."""

import argparse
import logging
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from studies.demo.build.alignment import align
from studies.demo.build.benchmarks import write_benchmarks
from studies.demo.build.measuring import measure
from studies.demo.build.tokenizer import train_tokenizer
from studies.demo.build.training import SYSTEM_PROMPT, new_model, train_base
from studies.demo.build.world import World, make_world

SEED = 1  # of the shipped model
_THREADS = 1  # sums depend on it, so that more would change the weights

logger = logging.getLogger("studies.demo.build")


def main() -> None:
    """Build the world, the tokenizer and the model, and write them to a folder."""
    parser = argparse.ArgumentParser(prog="studies.demo.build", description=main.__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="gets model/, prompts/ and benchmarks/"
    )
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    torch.set_num_threads(_THREADS)
    world = make_world(options.seed)
    write_prompts(world, options.out / "prompts")
    write_benchmarks(world, options.out / "benchmarks", options.seed)
    build_model(world, options.out / "model", options.seed)


def write_prompts(world: World, folder: Path) -> None:
    """One text file per list, a prompt per line."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, prompts in world.prompts.items():
        (folder / name).write_text("".join(f"{p}\n" for p in prompts), encoding="utf-8")


def build_model(world: World, folder: Path, seed: int) -> None:
    """Train both phases, say the rates after each, and save what `from_pretrained` reads."""
    started = time.monotonic()
    tokenizer = train_tokenizer(_texts(world))
    torch.manual_seed(seed)
    model = new_model(tokenizer)
    good, bad = world.alignment()
    train_base(model, tokenizer, world.examples, bad, random.Random(seed))  # noqa: S311
    logger.info("base: %s", measure(model, tokenizer, world))
    align(model, tokenizer, good, bad, random.Random(seed + 1))  # noqa: S311
    logger.info("aligned: %s", measure(model, tokenizer, world))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    logger.info("%d parameters, %.0f s", model.num_parameters(), time.monotonic() - started)


def _texts(world: World) -> Iterator[str]:
    """All that the model reads and writes."""
    for example in world.examples:
        yield from (example.prompt, example.answer, example.refusal or "", SYSTEM_PROMPT)


if __name__ == "__main__":
    main()
