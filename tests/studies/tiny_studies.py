"""What a study on the tiny model is set to: few prompts, short answers, nothing to find first."""

N_LAYERS = 2
TINY_SETTINGS = {
    "n_trials": 3,
    "n_startup_trials": 2,
    "good_prompts": "good",
    "bad_prompts": "bad",
    "batch_size": 4,
    "trials_per_batch": 1,
    "max_response_length": 4,
    "response_prefix": "",
    "seed": 7,
    "dtypes": ["float32"],
    "scorers": [
        {
            "scorer": "KeywordRate",
            "optimization": "minimize",
            "settings": {"prompts": "bad-test"},
        },
        {
            "scorer": "KLDivergence",
            "optimization": "minimize",
            "settings": {"prompts": "good"},
        },
    ],
}


def tiny_parameters(weight):
    """Of a trial: every component alike."""
    parts = dict.fromkeys(("attn.o_proj", "mlp.down_proj"), 0.5)
    return {
        "direction_scope": "global",
        "direction_fraction": 0.6,
        "max_weight": dict.fromkeys(parts, weight),
        "max_weight_position_fraction": parts,
        "min_weight_relative": parts,
        "min_weight_distance_fraction": parts,
    }
