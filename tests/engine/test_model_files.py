import json
import os
import shutil
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from studies.engine.errors import (
    CustomCodeError,
    ModelError,
    ModelNotFoundError,
    ModelPathError,
    NoSafetensorsError,
)
from studies.engine.model_files import ModelFacts, cached_facts, inspect_model, locate_model

CONFIG = {
    "model_type": "qwen3",
    "architectures": ["Qwen3ForCausalLM"],
    "num_hidden_layers": 8,
    "hidden_size": 128,
}


def make_model(folder, config=CONFIG, **files):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"w": np.zeros((2, 2), dtype=np.float32)}, folder / "model.safetensors")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(json.dumps(content))
    return folder


@pytest.fixture
def root(tmp_path):
    make_model(tmp_path / "root" / "demo")
    make_model(tmp_path / "outside" / "secret")
    return tmp_path / "root"


def test_a_folder_below_a_root_wins_over_the_hub(root):
    (root / "owner").mkdir()
    make_model(root / "owner" / "name")

    relative = locate_model("owner/name", [root])

    assert (relative.path, relative.is_local) == ((root / "owner" / "name").resolve(), True)
    assert locate_model(str(root / "demo"), [root]).path == (root / "demo").resolve()
    assert locate_model("demo", [root.parent / "nothing", root]).is_local


@pytest.mark.parametrize("model", ["Qwen/Qwen3-0.6B", "google/gemma-3-4b-it"])
def test_anything_else_in_the_form_of_a_hub_id_is_one(root, model):
    ref = locate_model(model, [root])

    assert (ref.source, ref.path, ref.is_local) == (model, None, False)


@pytest.mark.parametrize(
    "model",
    [
        "", " ", "../outside/secret", "demo/../../outside/secret", "..", "~/secret", "~root",
        "http://169.254.169.254/x", "file:///etc/passwd", "C:\\models\\x", "C:/models", "a\\b",
        "demo\0", "de\u202emo", "x\ud800", "\uff0e\uff0e/secret", "%2e%2e/secret", "a b",
        "a/b/c", "demo;ls", "gpt2", "x" * 300, "x/" * 600, ".", "./demo/..", "/", "/etc", "-x", "a--b",
    ],
)  # fmt: skip
def test_a_name_that_is_malformed_or_climbs_is_refused(root, model):
    with pytest.raises((ModelPathError, ModelNotFoundError)):
        locate_model(model, [root])


def test_outside_the_roots_nothing_is_revealed(root):
    path = root.parent / "outside" / "secret"

    def message():
        with pytest.raises(ModelPathError) as caught:
            locate_model(str(path), [root])
        return str(caught.value)

    while_it_exists = message()
    shutil.rmtree(path)

    assert message() == while_it_exists


def test_a_link_that_leads_outside_is_refused_and_one_inside_followed(root):
    (root / "out").symlink_to(root.parent / "outside" / "secret")
    (root / "in").symlink_to(root / "demo")
    (root / "loop").symlink_to(root / "loop")

    for name in ("out", "loop", str(root / "out"), str(root / "loop")):
        with pytest.raises(ModelPathError):
            locate_model(name, [root])
    assert locate_model("in", [root]).path == (root / "demo").resolve()


def test_a_root_that_is_a_prefix_of_another_name_does_not_open_it(root):
    make_model(root.parent / "root-private")

    with pytest.raises(ModelPathError):
        locate_model(str(root.parent / "root-private"), [root])


@given(
    parts=st.lists(
        st.sampled_from(
            ["..", ".", "", "demo", "out", "secret", "outside", "~", "%2e%2e", "\0", "\\", "file:"]
        ),
        max_size=6,
    ),
    absolute=st.booleans(),
)
def test_no_path_leads_out_of_the_roots(tmp_path_factory, parts, absolute):
    base = tmp_path_factory.getbasetemp() / "traversal"
    root = base / "root"
    if not base.exists():
        make_model(root / "demo")
        make_model(base / "outside" / "secret")
        (root / "out").symlink_to(base / "outside")
    name = "/".join([str(root), *parts] if absolute else parts)

    try:
        found = locate_model(name, [root]).path
    except (ModelPathError, ModelNotFoundError):
        found = None

    assert found is None or found.is_relative_to(root.resolve())


def test_the_facts_of_a_model_folder(tmp_path):
    assert inspect_model(make_model(tmp_path / "plain")) == ModelFacts(
        model_type="qwen3",
        architectures=("Qwen3ForCausalLM",),
        n_layers=8,
        hidden_size=128,
        has_chat_template=False,
    )
    nested = {"model_type": "gemma3", "text_config": {"num_hidden_layers": 4, "hidden_size": 64}}
    facts = inspect_model(
        make_model(
            tmp_path / "nested", nested, tokenizer_config__json={"chat_template": "{{ x }}"}
        )
    )
    assert (facts.n_layers, facts.hidden_size, facts.has_chat_template) == (4, 64, True)
    own_file = make_model(tmp_path / "own", {"num_hidden_layers": True}, chat_template__jinja="x")
    assert inspect_model(own_file).has_chat_template
    assert inspect_model(own_file).n_layers is None
    hybrid = make_model(tmp_path / "hybrid", {"model_type": "falcon_h1"})
    assert inspect_model(hybrid).components == ("attn.o_proj", "ssm.out_proj", "mlp.down_proj")
    assert inspect_model(own_file).components == ()


@pytest.mark.parametrize(
    "extra",
    [
        {"auto_map": {"AutoModel": "modeling.Evil"}},
        {"text_config": {"list": [{"auto_map": {}}]}},
        {"_attn_implementation_internal": "eager"},
        {"attn_implementation": "someone/kernel"},
        {"text_config": {"_attn_implementation": "someone/kernel:attention"}},
        {"attn_implementation": {"text_config": "someone/kernel"}},
    ],
    ids=str,
)
def test_a_configuration_that_asks_to_run_code_is_refused(tmp_path, extra):
    with pytest.raises(CustomCodeError, match=r"config\.json asks to run code"):
        inspect_model(make_model(tmp_path / "model", CONFIG | extra))
    beside = make_model(tmp_path / "beside", tokenizer_config__json=extra)
    with pytest.raises(CustomCodeError, match=r"tokenizer_config\.json asks to run code"):
        inspect_model(beside)


def test_an_ordinary_attention_implementation_is_no_code(tmp_path):
    inspect_model(make_model(tmp_path / "model", CONFIG | {"attn_implementation": "sdpa"}))


def test_a_folder_without_configuration_is_no_model(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"holds no config\.json"):
        inspect_model(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[1]", "does not hold a JSON object"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not valid JSON"),
    ],
    ids=["cut", "bytes", "list", "deep", "deeper", "digits"],
)
def test_a_damaged_configuration_is_named(tmp_path, content, message):
    folder = make_model(tmp_path / "model")
    (folder / "config.json").write_bytes(content)

    with pytest.raises(ModelError, match=message):
        inspect_model(folder)


def test_weights_in_another_format_are_refused(tmp_path):
    folder = make_model(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(NoSafetensorsError):
        inspect_model(folder)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", 4) + b"{{{{"],
    ids=["empty", "short", "huge header", "no JSON"],
)
def test_a_damaged_weight_file_is_named(tmp_path, content):
    folder = make_model(tmp_path / "model")
    (folder / "other.safetensors").write_bytes(content)

    with pytest.raises(ModelError, match=r"other\.safetensors is damaged"):
        inspect_model(folder)


def test_a_weight_file_that_was_cut_off_is_named(tmp_path):
    folder = make_model(tmp_path / "model")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-4])

    with pytest.raises(ModelError, match=r"model\.safetensors is damaged or cut off"):
        inspect_model(folder)


@pytest.mark.parametrize(
    "shard", ["model-00002-of-00002.safetensors", "../demo/model.safetensors", ""]
)
def test_every_weight_file_of_the_index_must_lie_in_the_folder(tmp_path, shard):
    make_model(tmp_path / "demo")
    index = {"weight_map": {"a": "model.safetensors", "b": shard}}
    folder = make_model(tmp_path / "model", model__safetensors__index__json=index)

    with pytest.raises(ModelError, match="is missing"):
        inspect_model(folder)


def test_the_hub_cache_tells_facts_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    commit = "a" * 40
    repo = tmp_path / "models--owner--name"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    make_model(repo / "snapshots" / commit)

    facts = cached_facts("owner/name")

    assert facts is not None
    assert facts.n_layers == 8
    assert cached_facts("owner/other") is None
    assert cached_facts("not an id") is None


def test_the_light_half_loads_neither_torch_nor_django(tmp_path):
    folder = make_model(tmp_path / "model")
    code = """
import sys
from pathlib import Path
from studies.engine import parameters, prompt_sources, settings, values
from studies.engine.model_files import inspect_model
inspect_model(Path(sys.argv[1]))
sys.exit(",".join(m for m in ("torch", "transformers", "django") if m in sys.modules))
"""
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, env=environment
    )

    assert done.stderr.strip() == ""
