"""Names of parameters, components and patterns, and the shape of their tables."""

from tests.bad_inputs.inputs import (
    ATTENTION,
    COMPONENTS,
    FRACTION,
    INVISIBLE,
    KINDS,
    ONE_WEIGHT,
    STRANGER,
    SURROGATE,
    TIE,
    deep,
    overrides,
    parameters,
)

NAMES = [
    parameters(
        {"max_wieght": 1},
        ".max_wieght",
        'is not a parameter of the method directional; did you mean "max_weight"?',
        row=("max_wieght", "", 1),
    ),
    parameters({"": 1}, '[""]', STRANGER),
    parameters(
        {"größe": 1},
        '["größe"]',
        STRANGER,
    ),
    parameters(
        {"gro\u0308ße": 1},
        '["gro\u0308ße"]',
        STRANGER,
    ),
    parameters(
        {"max_weight.": 1},
        '["max_weight."]',
        'is not a parameter of the method directional; did you mean "max_weight"?',
    ),
    parameters(
        {"a\u200bb": 1},
        '["a\\u200bb"]',
        STRANGER,
    ),
    parameters({"MAX_WEIGHT": 1}, ".MAX_WEIGHT", STRANGER, row=("MAX_WEIGHT", "", 1)),
    parameters(ONE_WEIGHT, ".parameters", STRANGER),
    parameters({"n_trials": 5}, ".n_trials", STRANGER, row=("n_trials", "", 5)),
    parameters({"<script>": 1}, '["<script>"]', STRANGER, row=("<script>", "", 1)),
    parameters(
        {"x" * 300: 1},
        '["' + "x" * 80 + '…"]',
        STRANGER,
    ),
    parameters([], "", "must be a table, not a list"),
    parameters("max_weight = 1", "", "must be a table, not text"),
    parameters(None, "", "must be a table, not null"),
    parameters(3, "", "must be a table, not a number"),
    parameters(
        {"max_weight": {"attn.oproj": 1}},
        '.max_weight["attn.oproj"]',
        '"attn.oproj" is not a component; did you mean "attn.o_proj"?',
        row=("max_weight", "attn.oproj", 1),
    ),
    parameters(
        {"max_weight": {ATTENTION: 1, "low": 0}},
        ".max_weight",
        "mixes a range (low) with values by component",
    ),
    parameters(
        {"max_weight": {"": 1, ATTENTION: 1}},
        '.max_weight[""]',
        "a component's name must not be empty",
    ),
    parameters(
        {"max_weight": {"attn": {"o_proj": 1}}},
        ".max_weight.attn",
        f'"attn" is not a component; {COMPONENTS}',
    ),
    parameters(
        {"direction_fraction": {ATTENTION: 0.5}},
        '.direction_fraction["attn.o_proj"]',
        "direction_fraction is one value for all components",
        row=("direction_fraction", ATTENTION, 0.5),
    ),
    parameters(
        {"max_weight": {"*": "x"}}, '.max_weight["*"]', 'must be a number, not text (got "x")'
    ),
    parameters(
        {"max_weight": deep(30)},
        ".max_weight" + "[0]" * 18,
        "is nested too deeply (limit 20 levels)",
    ),
    parameters(
        {"max_weight": {"self_attn.o_proj": 1}},
        '.max_weight["self_attn.o_proj"]',
        '"self_attn.o_proj" is not a component; did you mean "attn.o_proj"?',
        row=("max_weight", "self_attn.o_proj", 1),
    ),
    parameters(
        {"max_weight": {"mlp.down_proj\u200b": 1}},
        '.max_weight["mlp.down_proj\\u200b"]',
        '"mlp.down_proj\\u200b" is not a component; did you mean "mlp.down_proj"?',
    ),
    parameters(
        {"max_weight": {ATTENTION: None}}, '.max_weight["attn.o_proj"]', f"{KINDS}, not null"
    ),
    overrides([], "", "must be a table, not a list"),
    overrides(None, "", "must be a table, not null"),
    overrides({"": ONE_WEIGHT}, '[""]', "must not be empty"),
    overrides({"google/*": 1}, '["google/*"]', "must be a table, not a number (got 1)"),
    overrides(
        {"google/*": {"parameters": []}}, '["google/*"].parameters', "must be a table, not a list"
    ),
    overrides(
        {"google/*": {"parameters": {}}}, '["google/*"].parameters', "needs at least one parameter"
    ),
    overrides({"google/*": {}}, '["google/*"].parameters', "needs at least one parameter"),
    overrides(
        {"google/*": {"max_weight": 1}},
        '["google/*"].max_weight',
        "is not known here; known: parameters",
    ),
    overrides(
        {"google/*": {"parameters": {"max_weight": 1}, "settings": {}}},
        '["google/*"].settings',
        "is not known here; known: parameters",
    ),
    overrides(
        {"google/*": {"parameters": {"max_wieght": 1}}},
        '["google/*"].parameters.max_wieght',
        'is not a parameter of the method directional; did you mean "max_weight"?',
    ),
    overrides(
        {"google/*": {"parameters": {"max_weight": {"low": 2, "high": 1}}}},
        '["google/*"].parameters.max_weight.high',
        "must not be below low, which is 2 (got 1)",
    ),
    overrides(
        {"google/*": {"parameters": {"max_weight": {ATTENTION: {"low": 2, "high": 1}}}}},
        '["google/*"].parameters.max_weight["attn.o_proj"].high',
        "must not be below low, which is 2 (got 1)",
    ),
    overrides(
        {"google/*": {"parameters": {"max_weight": 99}}},
        '["google/*"].parameters.max_weight',
        "must be within -10 and 10 (got 99)",
    ),
    overrides(
        {"google/*": {"parameters": {"max_weight": {"attn.x": 1}}}},
        '["google/*"].parameters.max_weight["attn.x"]',
        f'"attn.x" is not a component; {COMPONENTS}',
    ),
    overrides(
        {"google/*b": ONE_WEIGHT, "google/b*": ONE_WEIGHT},
        '["google/b*"].parameters.max_weight',
        TIE.format('"google/*b"'),
    ),
    overrides(
        {"google/*b": {"parameters": {"max_weight": {ATTENTION: 1}}}, "google/b*": ONE_WEIGHT},
        '["google/b*"].parameters.max_weight',
        TIE.format('"google/*b"'),
    ),
    overrides({"a\u200b/*": ONE_WEIGHT}, '["a\\u200b/*"]', f"{INVISIBLE} (U+200B)"),
    overrides(
        {"x" * 201: ONE_WEIGHT},
        '["' + "x" * 80 + '…"]',
        "is longer than 200 characters",
    ),
    overrides(
        {"größe/*": ONE_WEIGHT, "gro\u0308ße/*": ONE_WEIGHT},
        '["gro\u0308ße/*"]',
        'looks the same as "größe/*"',
    ),
    overrides({"a\ud800/*": ONE_WEIGHT}, '["a\\ud800/*"]', SURROGATE),
    overrides(
        {"g?": ONE_WEIGHT, "?g": ONE_WEIGHT}, '["?g"].parameters.max_weight', TIE.format('"g?"')
    ),
    overrides(
        {"google/*": {"parameters": {"direction_fraction": {"low": 0, "high": 1.1}}}},
        '["google/*"].parameters.direction_fraction.high',
        f"{FRACTION} (got 1.1)",
    ),
]
