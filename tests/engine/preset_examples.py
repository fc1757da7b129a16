"""Random presets, for what must hold of every one."""

from hypothesis import strategies as st

from studies.engine.methods import METHODS
from studies.engine.parameters import Key
from studies.engine.patterns import patterns_clash
from studies.engine.scorer_settings import SCORERS
from studies.engine.texts import name_problem, tidy_comment
from studies.engine.toml.preset import PresetFile, Spec
from studies.engine.values import Range

METHOD = METHODS["directional"]
visible = st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp"))
names = st.text(visible, min_size=1, max_size=20).filter(lambda text: not name_problem(text))
models = st.from_regex(
    r"[a-z0-9][a-zA-Z0-9._-]{0,20}(/[a-z0-9][a-zA-Z0-9._-]{0,20})?", fullmatch=True
)
proses = st.text(visible | st.sampled_from("\n\t\"'\\#"), max_size=40)
comments = proses.map(tidy_comment)
slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True)


def numbers(low, high):
    """Whole ones and others, within bounds."""
    whole = st.integers(min_value=-int(-low // 1), max_value=int(high // 1))
    return whole | st.floats(low, high).map(lambda number: number + 0.0)


@st.composite
def ranges(draw, parameter):
    low, high = sorted(draw(st.tuples(*[numbers(parameter.low, parameter.high)] * 2)))
    step = None
    if high > low and draw(st.booleans()):
        step = high - low  # the largest that fits
    is_log = low > 0 and step is None and draw(st.booleans())
    return Range(low=low, high=high, log=is_log, step=step)


def values(parameter):
    if parameter.choices:
        one = st.sampled_from(parameter.choices)
        return one | st.lists(one, min_size=1, unique=True).map(tuple)
    one = numbers(parameter.low, parameter.high)
    several = st.lists(one, min_size=1, max_size=4, unique=True).map(tuple)
    return one | several | ranges(parameter)


@st.composite
def parameters(draw):
    specs = {}
    for parameter in METHOD.parameters:
        places = ("", *METHOD.components) if parameter.per_component else ("",)
        for component in draw(st.lists(st.sampled_from(places), unique=True)):
            value = draw(values(parameter))
            specs[Key(parameter.name, component)] = Spec(value, draw(comments))
    return specs


@st.composite
def overrides(draw):
    found = {}
    for pattern in draw(st.lists(names, max_size=3, unique=True)):
        specs = draw(parameters())
        if specs and not any(patterns_clash(pattern, other) for other in found):
            found[pattern] = specs
    return found


@st.composite
def scorers(draw, prompts):
    entries = []
    for kind in draw(st.lists(st.sampled_from(sorted(SCORERS)), min_size=1, unique=True)):
        settings = {"prompts": draw(prompts)}
        if kind == "KeywordRate" and draw(st.booleans()):
            markers = names.filter(lambda text: text.replace("*", "").strip())
            settings["keyword_markers"] = draw(st.lists(markers, min_size=1, max_size=5))
        entries.append({"scorer": kind, "optimization": "minimize", "settings": settings})
    return entries


@st.composite
def settings(draw, prompts):
    found = {}
    options = {
        "n_trials": st.integers(1, 10_000),
        "seed": st.none() | st.integers(0, 2**32 - 1),
        "good_prompts": prompts,
        "response_prefix": st.none() | proses,
        "system_prompt": proses,
        "dtypes": st.just(["float32", "auto"]),
        "winsorization_quantile": st.sampled_from([1, 1.0, 0.995]),
        "chain_of_thought_skips": st.just([["<a>", "<a>\n</a>"]]),
        "orthogonalize_direction": st.booleans(),
        "scorers": scorers(prompts),
    }
    for name, option in options.items():
        if draw(st.booleans()):
            found[name] = draw(option)
    return found


@st.composite
def presets(draw, prompts=slugs):
    return PresetFile(
        slug=draw(slugs),
        name=draw(names),
        description=draw(proses),
        model=draw(st.just("") | models),
        settings=draw(settings(prompts)),
        parameters=draw(parameters()),
        overrides=draw(overrides()),
    )
