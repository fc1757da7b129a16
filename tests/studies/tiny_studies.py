"""What a study on the tiny model is set to: few prompts, short answers, nothing to find first."""

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
