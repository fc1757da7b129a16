"""The projections of all layers as one animated GIF."""

import io
from collections.abc import Iterator
from typing import Final

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont

from studies.engine.ports import Reporter, StopSignal

Frames = Float[np.ndarray, "frame prompt 2"]

SIZE: Final = (640, 600)  # pixels
HEAD: Final = 64  # pixels above the picture, for the words
EDGE: Final = 18  # pixels left free around it
SHARP: Final = 2  # drawn so many times larger, then reduced: round dots
DOT: Final = 4  # pixels, radius
MOST_FRAMES: Final = 240  # about 20 KiB each: some 5 MiB in all
MOST_BETWEEN: Final = 8  # frames from a layer to the next
HOLD: Final = 700  # milliseconds at a layer
STEP: Final = 50  # milliseconds a frame in between
PHASE: Final = "animating"
WHITE: Final = (255, 255, 255)
INK: Final = (31, 41, 55)
GRAY: Final = (107, 114, 128)
GOOD: Final = (0, 114, 178)  # Okabe and Ito's blue, discs
BAD: Final = (213, 94, 0)  # and their vermilion, triangles: told apart without colour


def animated(
    points: Float[np.ndarray, "index prompt 2"],
    n_good: int,
    *,
    reporter: Reporter,
    stop: StopSignal,
) -> bytes:
    """Return a GIF that goes through all layer indices and moves the prompts from one to the next.

    The first `n_good` prompts are the good ones. There are at most `MOST_FRAMES` frames, with
    fewer in between for deeper models, or as many as there are layers.

    Raises:
        Stopped: the host asked to stop, between two frames.
    """
    scale = float(np.abs(points).max()) or 1.0
    palette = _palette()
    pictures, times = [], []
    steps = list(_steps(points))
    for number, (index, flat, pause) in enumerate(steps):
        stop.check()
        reporter.phase(PHASE, done=number, total=len(steps))
        title = f"Layer index {index} of {len(points) - 1}" if index else "Embedding"
        picture = _drawn(flat / scale, n_good, title)
        pictures.append(picture.quantize(palette=palette, dither=Image.Dither.NONE))
        times.append(pause)
    out = io.BytesIO()
    first, *others = pictures
    first.save(
        out, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=False
    )
    reporter.phase(PHASE, done=len(steps), total=len(steps))
    return out.getvalue()


def frames_between(n_layers: int) -> int:
    """How many frames lie between two of so many layers."""
    if n_layers < 2:
        return 0
    return max(0, min(MOST_BETWEEN, (MOST_FRAMES - n_layers) // (n_layers - 1)))


def _steps(
    points: Float[np.ndarray, "index prompt 2"],
) -> Iterator[tuple[int, Float[np.ndarray, "prompt 2"], int]]:
    """Layer index, places of the prompts, and milliseconds of each frame."""
    between = frames_between(len(points))
    for index, flat in enumerate(points):
        yield index, flat, HOLD
        if index + 1 == len(points):
            return
        for number in range(1, between + 1):
            share = number / (between + 1)
            eased = share * share * (3 - 2 * share)
            yield index, flat + eased * (points[index + 1] - flat), STEP


def _drawn(flat: Float[np.ndarray, "prompt 2"], n_good: int, title: str) -> Image.Image:
    """Draw one frame; places are within −1 and 1."""
    picture = Image.new("RGB", (SIZE[0] * SHARP, SIZE[1] * SHARP), WHITE)
    draw = ImageDraw.Draw(picture)
    large = ImageFont.load_default(20 * SHARP)
    draw.text((EDGE * SHARP, 10 * SHARP), title, INK, large)
    small = ImageFont.load_default(14 * SHARP)
    _legend(draw, small, n_good, len(flat) - n_good)
    side = (min(SIZE[0], SIZE[1] - HEAD) / 2 - EDGE) * SHARP
    centre = np.array([SIZE[0] / 2, HEAD + (SIZE[1] - HEAD) / 2]) * SHARP
    places = centre + flat * [side, -side]  # the page's y axis points up
    for number, (x, y) in enumerate(places.tolist()):
        _mark(draw, x, y, is_good=number < n_good)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def _legend(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    n_good: int,
    n_bad: int,
) -> None:
    y = 48 * SHARP
    for x, is_good, text in (
        (EDGE, True, f"{n_good} good prompts"),
        (EDGE + 180, False, f"{n_bad} bad prompts"),
    ):
        _mark(draw, (x + DOT) * SHARP, y, is_good=is_good)
        draw.text(((x + 16) * SHARP, y), text, GRAY, font, anchor="lm")


def _mark(draw: ImageDraw.ImageDraw, x: float, y: float, *, is_good: bool) -> None:
    r = DOT * SHARP
    if is_good:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=GOOD, outline=WHITE)
    else:
        corners = [(x, y - 1.2 * r), (x - 1.1 * r, y + 0.9 * r), (x + 1.1 * r, y + 0.9 * r)]
        draw.polygon(corners, fill=BAD, outline=WHITE)


def _palette() -> Image.Image:
    """Each ink in eight steps to white: 33 colours, the same in all frames."""
    colours = [WHITE] + [
        tuple(round(w + (c - w) * step / 8) for c, w in zip(ink, WHITE, strict=True))
        for ink in (INK, GRAY, GOOD, BAD)
        for step in range(1, 9)
    ]
    image = Image.new("P", (1, 1))
    image.putpalette([part for colour in colours for part in colour])
    return image
