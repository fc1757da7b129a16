"""What the reference tool's configuration has that is written otherwise here, or not at all."""

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

PROMPTS: Final = ("good_prompts", "bad_prompts")
_ALPACA: Final = {"dataset": "mlabonne/harmless_alpaca", "column": "text"}
_HARMFUL: Final = {"dataset": "mlabonne/harmful_behaviors", "column": "text"}
_FIRST, _HELD_OUT = {"split": "train[:400]"}, {"split": "test[:100]"}
# What the reference tool does where a configuration says nothing.
DEFAULT_PROMPTS: Final[Mapping[str, Json]] = {
    "good_prompts": _ALPACA | _FIRST,
    "bad_prompts": _HARMFUL | _FIRST,
    "KeywordRate": _HARMFUL | _HELD_OUT,
    "KLDivergence": _ALPACA | _HELD_OUT,
}
USED_DEFAULT: Final = "is not in the file; that of the reference tool is used"
DEFAULT_SCORERS: Final = ("KeywordRate", "KLDivergence")
# Settings of versions before there was a list of scorers → (scorer, its setting).
FORMER: Final[Mapping[str, tuple[str, str]]] = {
    "bad_evaluation_prompts": ("KeywordRate", "prompts"),
    "refusal_markers": ("KeywordRate", "keyword_markers"),
    "good_evaluation_prompts": ("KLDivergence", "prompts"),
}
_PRINTING: Final = "only changes what is printed; the pages of a study show it"
_PLOTS: Final = "there are no such plots here"
_EXPORT: Final = "is chosen when a result is exported"
_COMMAND: Final = "is for the command line only"
_DEVICE: Final = "is up to the worker that runs the study"
_OBJECTIVE: Final = "scorers are optimised as they are, not scaled"
# What the reference tool has and this project has not → why it can be left out.
WITHOUT: Final[Mapping[str, str]] = {
    "quantization": "models are loaded without quantisation",
    "device_map": _DEVICE,
    "max_memory": _DEVICE,
    "offload_outputs_to_cpu": _DEVICE,
    "trust_remote_code": "a model's own code is never run",
    "full_normalization_lora_rank": "ablation is exact here, without a low-rank approximation",
    "kl_divergence_scale": _OBJECTIVE,
    "kl_divergence_target": _OBJECTIVE,
    "evaluate_model": _COMMAND,
    "reproduce": _COMMAND,
    "collect_reproducibles": _COMMAND,
    "ignore_mismatches": _COMMAND,
    "study_checkpoint_dir": "studies are kept in the database",
    "checkpoint_action": "a study is resumed or forked on its page",
    "n_additional_trials": "a study is extended on its page",
    "trial_index": "a trial is chosen on the page of its study",
    "model_action": _EXPORT,
    "export_strategy": _EXPORT,
    "max_shard_size": _EXPORT,
    "save_directory": _EXPORT,
    "upload_repo_id": _EXPORT,
    "upload_repo_private": _EXPORT,
    "upload_reproducibility_information": _EXPORT,
    "benchmarks": "benchmarks are chosen when they are run",
    "print_responses": _PRINTING,
    "print_debug_information": _PRINTING,
    "print_residual_geometry": _PRINTING,
    "plot_residuals": _PLOTS,
    "residual_plot_path": _PLOTS,
    "residual_plot_title": _PLOTS,
    "residual_plot_style": _PLOTS,
}
# Values with which a setting that we lack changes nothing.
HARMLESS: Final[Mapping[str, object]] = {"quantization": "none", "device_map": "auto"}
# The same for the settings of scorers.
SCORER_WITHOUT: Final[Mapping[str, str]] = {
    "print_responses": _PRINTING,
    "score_name": "a scorer is named in the list, as instance_name",
}
