"""The model of a session, as it is before anything has been measured."""

from dataclasses import replace

from studies.engine.disk_cache import DiskCache
from studies.engine.fused_norms import fuse_norms
from studies.engine.heap import keep_freed_memory
from studies.engine.loading import load_model
from studies.engine.methods.schema import Method
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter
from studies.engine.recall import recall_of
from studies.engine.step_choice import chosen_step
from studies.engine.study_settings import StudySettings
from studies.engine.threads import use_threads_for


def opened(
    path: str,
    revision: str | None,
    *,
    method: Method,
    settings: StudySettings,
    cache: DiskCache | None,
    reporter: Reporter,
) -> tuple[LoadedModel, list[str]]:
    """The loaded model, and what the user should know of it; that may become more later.

    Raises as `load_model` does.
    """
    loaded = load_model(path, dtypes=settings.dtypes, revision=revision, reporter=reporter)
    if loaded.device.type == "cuda":
        fuse_norms(loaded.model)
    use_threads_for(loaded)
    keep_freed_memory()
    notes = list(loaded.notes)
    recall = recall_of(cache, path, loaded.model)
    step = chosen_step(loaded, method, settings.compile, reporter, notes)
    return replace(loaded, recall=recall, step=step), notes
