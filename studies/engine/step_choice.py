"""How single steps of a session's trials are run: by the model, recorded, or compiled."""

from pkgutil import resolve_name

from studies.engine.checked_step import CheckedStep
from studies.engine.compiled_step import CompiledStep
from studies.engine.methods.schema import Method
from studies.engine.model import LoadedModel
from studies.engine.ports import Reporter
from studies.engine.prefill import may_share
from studies.engine.recorded_step import RecordedStep
from studies.engine.study_settings import Compile


def chosen_step(
    loaded: LoadedModel,
    method: Method,
    wanted: Compile,
    reporter: Reporter,
    notes: list[str],
) -> CheckedStep | None:
    """The step that `wanted` asks for, or None: steps are run by the model.

    "auto" records them on CUDA devices, and is silent where that does not fit; "on" compiles them,
    which takes longer than it saves on a processor, and says why where it cannot, by `reporter`
    and `notes`.
    """

    def tell(text: str) -> None:
        notes.append(text)
        reporter.note(text)

    on_gpu = loaded.device.type == "cuda"
    if wanted == "off" or (wanted == "auto" and not on_gpu):
        return None
    if problem := _problem(loaded, method):
        if wanted == "on":
            tell(f"Decoding steps are not compiled: {problem}.")
        return None
    if wanted == "auto":
        return RecordedStep(loaded.model, reporter=reporter, tell=tell)
    return CompiledStep(loaded.model, reporter=reporter, tell=tell, graphs=on_gpu)


def _problem(loaded: LoadedModel, method: Method) -> str | None:
    if not hasattr(resolve_name(method.implementation), "apply_many"):  # as a BatchMethod has
        return f"the method {method.label} puts other weights into other matrices in each trial"
    if len(set(getattr(loaded.model, "hf_device_map", {}).values())) > 1:
        return "the model is spread over several devices"
    if not may_share(loaded, 1):
        return "the model keeps more than keys and values of all tokens"
    return None
