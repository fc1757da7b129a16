"""The benchmark of the web side, once, as small as it gets: every address answers."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

from studies.bench import __main__ as bench


def test_everything_is_measured(begun, tmp_path, monkeypatch, capsys):
    file = tmp_path / "found.json"
    for size in (bench.SMALL, bench.MANY):
        shutil.copytree(begun.folder, tmp_path / "kept" / size)
    monkeypatch.setattr(bench, "N_STARTS", 1)
    monkeypatch.setattr(bench.news, "LOADS", (bench.news.Load("a few", 20, 50, 2),))
    arguments = ["--studies", "30", "--trials", "5", "--large", "12", "--requests", "1"]
    arguments += ["--seconds", "0", "--idle", "0.1", "--keep", str(tmp_path / "kept")]
    monkeypatch.setattr("sys.argv", ["bench", *arguments, "--json", str(file)])

    with ThreadPoolExecutor(1) as thread:  # a browser's loop may run in this one
        assert thread.submit(bench.main).result() == 0

    found = json.loads(file.read_text())
    assert found["database"]["many"]["studies"] == 32  # a large one, and one they all began with
    assert found["database"]["many"]["trials"] == 30 * 5 + 12
    counted = {probe.name for probe in bench.PROBES if probe.counted}
    assert found["queries"]["many"].keys() == counted
    assert all(one["queries"] for one in found["queries"]["many"].values())
    assert found["events"][0]["events"] == 20 * 2
    assert "| eight studies compared |" in capsys.readouterr().out
