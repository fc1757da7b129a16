"""The prompts of a study: the frozen ones, and datasets fetched at its first start."""

from django.db import transaction
from huggingface_hub.errors import HfHubHTTPError

from studies.engine.errors import PromptSetError
from studies.engine.prompt_sources import check_dataset_name, parse_split, prompts_of_rows
from studies.engine.prompts import Prompt
from studies.frozen import freeze, study_prompts, with_affixes
from studies.models import PromptSet, Study


def prompts_load(study: Study) -> dict[str, list[Prompt]]:
    """Return a study's prompts by prompt-set slug; what is still to be fetched is frozen now.

    Raises:
        PromptSetError: a dataset cannot be read, or has no prompts.
    """
    missing = [slug for slug, row in study.snapshot["prompts"].items() if not row["digest"]]
    for slug in missing:
        _fetch(study, slug)
    return {
        slug: [Prompt(user=p["user"], system=p["system"]) for p in frozen.prompts]
        for slug, frozen in study_prompts(study).items()
    }


def _fetch(study: Study, slug: str) -> None:
    prompt_set = PromptSet(**study.snapshot["prompts"][slug]["dataset"])
    lines = with_affixes(prompt_set, dataset_lines(prompt_set))
    system = next(s for s in study.snapshot["settings"] if s["name"] == "system_prompt")
    expected = study.snapshot["prompts"][slug].get("expected")
    with transaction.atomic():
        frozen = freeze(prompt_set, lines, system["value"])
        if expected and frozen.digest != expected:
            raise PromptSetError(
                f'The prompts of "{prompt_set.dataset}" are not those of the bundle any more.'
            )
        study.snapshot["prompts"][slug] |= {"digest": frozen.digest, "count": frozen.count}
        study.save(update_fields=["snapshot"])


def dataset_lines(prompt_set: PromptSet) -> list[str]:
    """Read the prompts of a dataset of the hub.

    Raises:
        InvalidInputError: it names something else than a dataset of the hub.
        PromptSetError: it cannot be had, or its column is missing or cannot be used.
    """
    check_dataset_name(prompt_set.dataset)
    return column_lines(prompt_set.dataset, prompt_set.commit, prompt_set.split, prompt_set.column)


def column_lines(dataset: str, commit: str, split: str, column: str) -> list[str]:
    """Read a column of a dataset; only data, no code of the dataset's.

    Raises:
        PromptSetError: it cannot be had, or the column is missing or cannot be used.
    """
    # Imported here since it brings pandas and Arrow, and few studies ask the hub for prompts.
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    parse_split(split)  # refuses a bad slice with its place
    try:
        rows = load_dataset(dataset, revision=commit or None, split=split)
    except (DatasetNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise PromptSetError(f'Dataset "{dataset}" cannot be read: {reason}') from error
    if column not in rows.column_names:
        known = ", ".join(rows.column_names)
        raise PromptSetError(f'Dataset "{dataset}" has no column "{column}"; it has {known}.')
    return prompts_of_rows(list(rows[column]), f'Column "{column}" of dataset "{dataset}"')
