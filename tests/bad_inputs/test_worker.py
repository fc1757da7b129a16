"""What the worker says of a frozen study that was changed past every other door."""

from studies.engine.methods.directional import METHOD
from studies.engine.settings import complete_settings
from studies.runner.sessions import resolved_values
from tests.bad_inputs.doors import Door, problems
from tests.bad_inputs.inputs import KEYWORDS

COMPLETE = {"good_prompts": "good", "bad_prompts": "bad", "scorers": [KEYWORDS]}


class Worker(Door):
    """The check of a frozen study that was changed past every other door."""

    name = "worker"

    def carries(self, bad):
        settings = bad.document.get("settings")
        return bad.row is not None or isinstance(settings, dict)

    def said(self, bad):
        if bad.row is None:
            return problems(complete_settings, METHOD, COMPLETE | bad.document["settings"])
        name, component, raw = bad.row
        rows = [{"name": name, "component": component, "value": raw}]
        return problems(resolved_values, {"method": METHOD.name, "parameters": rows})


def test_the_worker(check):
    check(Worker(), 200)
