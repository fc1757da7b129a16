"""Exports on whole tiny models: what is written is what the trial ran."""

import json
import shutil
from uuid import uuid4

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from studies.engine.components import find_sites
from studies.engine.directional import DirectionalAblation
from studies.engine.errors import ModelError
from studies.engine.export.adapter import WEIGHTS
from studies.engine.export.checkpoint import SINGLE, checkpoint_of
from studies.engine.export.folder import ExportFolder
from studies.engine.export.verification import (
    ExportDiffersError,
    adapter_applied,
    check_keys,
    compare_scores,
)
from studies.engine.export.writing import Source, write_trial
from studies.engine.export_options import ExportOptions
from studies.engine.loading import load_model
from studies.engine.ports import Silent, Stopped
from studies.engine.prompts import tokenize
from studies.engine.results import Score
from tests.engine.test_directional import BAD, GOOD, parameters
from tests.engine.tiny import save_tiny

SILENT = Silent()
SMALL = 2e-5  # GB: a few shards of a tiny model


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    folder = save_tiny("llama", tmp_path_factory.mktemp("llama") / "model")
    (folder / "preprocessor_config.json").write_text('{"size": 16}')
    (folder / "notes.py").write_text("print('code')")
    return folder


def source_of(folder, **settings):
    loaded = load_model(str(folder), dtypes=["float32"])
    given = {
        "row_normalization": "full",
        "orthogonalize_direction": True,
        "winsorization_quantile": 1.0,
        "compensate_output_norm": True,
    }
    method = DirectionalAblation(loaded, find_sites(loaded), given | settings)
    good, bad = (tokenize(loaded, texts, 4) for texts in (GOOD, BAD))
    method.prepare(good, bad, reporter=SILENT, stop=SILENT)
    return Source(loaded, method, checkpoint_of(str(folder), None), "tiny/llama", None)


def write(source, root, stop=SILENT, export_id=None, **options):
    folder = ExportFolder(root, export_id or uuid4())
    folder.open()
    # Not validated: shards as small as a tiny model needs them are refused to users.
    chosen = ExportOptions.model_construct(**{"strategy": "merge"} | options)
    written = write_trial(
        folder,
        source,
        parameters(),
        chosen,
        reporter=SILENT,
        stop=stop,
        stored=lambda: None,
    )
    return folder, written


def logits(model, loaded):
    (batch,) = tokenize(loaded, BAD, 4)
    with torch.inference_mode():
        return model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits


def all_tensors(folder):
    """What the weight files hold, copied: loading maps the files, which tests change."""
    files = folder.glob("*.safetensors")
    return {k: v.clone() for file in files for k, v in load_file(file).items()}


@pytest.mark.parametrize("family", ["llama", "gemma2", "qwen3_5_text", "llama_bias", "gemma3"])
def test_plain_transformers_loads_a_merged_export_that_computes_what_the_trial_did(
    tmp_path, family
):
    source = source_of(save_tiny(family, tmp_path / "model"))
    folder, _ = write(source, tmp_path / "exports")

    again = load_model(str(folder.partial), dtypes=["float32"])

    before = logits(source.loaded.model, source.loaded)
    source.method.apply(parameters())
    during = logits(source.loaded.model, source.loaded)
    assert not torch.allclose(before, during, atol=1e-2)
    torch.testing.assert_close(logits(again.model, again), during, rtol=1e-4, atol=1e-4)


def test_what_is_not_ablated_is_copied_bit_for_bit_draft_heads_too(llama, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(llama, model)
    tensors = load_file(model / SINGLE) | {
        "mtp.layers.0.weight": torch.randn(4, 4, dtype=torch.bfloat16),
        "mtp.ids": torch.tensor([1, 2]),
    }
    save_file(tensors, model / SINGLE, metadata={"format": "pt"})
    source = source_of(model)

    folder, _ = write(source, tmp_path / "exports")

    written, changed = all_tensors(folder.partial), set(source.method.changes(parameters()))
    assert written.keys() == tensors.keys()
    assert changed
    for key, tensor in tensors.items():
        assert torch.equal(written[key], tensor) == (key not in changed), key


def test_several_shards_have_an_index_and_stay_below_the_limit(llama, tmp_path):
    source = source_of(llama)

    folder, written = write(source, tmp_path, max_shard_gb=SMALL)

    index = json.loads((folder.partial / "model.safetensors.index.json").read_text())
    shards = [entry for entry in written.weights if entry.path.endswith(".safetensors")]
    assert {entry.path for entry in shards} == set(index["weight_map"].values())
    assert len(shards) > 2
    for entry in shards:
        tensors = load_file(folder.partial / entry.path)
        assert len(tensors) == 1 or sum(t.nbytes for t in tensors.values()) <= SMALL * 10**9
    one = write(source, tmp_path / "one")[0].partial
    assert index["weight_map"].keys() == load_file(one / SINGLE).keys()
    again = load_model(str(folder.partial), dtypes=["float32"])
    source.method.apply(parameters())
    torch.testing.assert_close(
        logits(again.model, again),
        logits(source.loaded.model, source.loaded),
        rtol=1e-4,
        atol=1e-4,
    )


def test_configurations_tokenizer_and_processor_come_along_and_code_does_not(llama, tmp_path):
    folder, written = write(source_of(llama), tmp_path)

    names = {entry.path for entry in written.others}
    assert {"config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert "preprocessor_config.json" in names
    assert not list(folder.partial.glob("*.py"))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_another_number_format_is_taken_for_all_weights_and_said_in_the_config(
    llama, tmp_path, dtype
):
    folder, _ = write(source_of(llama), tmp_path, dtype=dtype)

    assert {str(t.dtype) for t in all_tensors(folder.partial).values()} == {f"torch.{dtype}"}
    config = json.loads((folder.partial / "config.json").read_text())
    assert config["dtype"] == dtype
    model = AutoModelForCausalLM.from_pretrained(folder.partial)
    assert model.dtype == getattr(torch, dtype)


def test_a_model_loaded_in_half_precision_is_baked_from_its_full_original(llama, tmp_path):
    exact = source_of(llama)
    rounded = source_of(llama)
    rounded.loaded.model.bfloat16()

    a, b = write(exact, tmp_path / "a")[0], write(rounded, tmp_path / "b")[0]

    left, right = all_tensors(a.partial), all_tensors(b.partial)
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_finished_shards_are_kept_when_a_start_follows_a_kill(llama, tmp_path):
    source, export_id = source_of(llama), uuid4()

    class StopsLate:
        calls = 0

        def check(self):
            self.calls += 1
            if self.calls > 20:
                raise Stopped

    with pytest.raises(Stopped):
        write(source, tmp_path, StopsLate(), export_id, max_shard_gb=SMALL)
    partial = ExportFolder(tmp_path, export_id).partial
    first = {f.name: f.stat().st_mtime_ns for f in partial.glob("*.safetensors")}

    folder, _ = write(source, tmp_path, SILENT, export_id, max_shard_gb=SMALL)

    second = {f.name: f.stat().st_mtime_ns for f in partial.glob("*.safetensors")}
    assert first
    assert {name: second[name] for name in first} == first
    check_keys(checkpoint_of(str(folder.partial), None), source.checkpoint)


def test_a_damaged_shard_is_written_again(llama, tmp_path):
    source, export_id = source_of(llama), uuid4()
    folder, _ = write(source, tmp_path, export_id=export_id, max_shard_gb=SMALL)
    whole = all_tensors(folder.partial)
    shard = min(folder.partial.glob("model-*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-4] + b"\xff\xff\xff\xff")

    folder, _ = write(source, tmp_path, export_id=export_id, max_shard_gb=SMALL)

    assert all(torch.equal(t, whole[k]) for k, t in all_tensors(folder.partial).items())


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # PEFT asks
@pytest.mark.parametrize("mode", ["none", "pre"])
def test_a_rank_one_adapter_is_exact_and_plain_peft_loads_it(llama, tmp_path, mode):
    from peft import PeftModel

    source = source_of(llama, row_normalization=mode)
    folder, written = write(source, tmp_path, strategy="adapter")

    assert (written.adapter.rank, written.adapter.is_exact) == (1, True)
    assert written.adapter.error < 1e-6
    base = AutoModelForCausalLM.from_pretrained(llama, dtype="float32")
    adapted = PeftModel.from_pretrained(base, folder.partial)
    source.method.apply(parameters())
    torch.testing.assert_close(
        logits(adapted, source.loaded),
        logits(source.loaded.model, source.loaded),
        rtol=1e-4,
        atol=1e-4,
    )


def test_an_adapter_of_rescaled_rows_tells_its_error_which_falls_with_its_rank(llama, tmp_path):
    source = source_of(llama)

    errors = [
        write(source, tmp_path, strategy="adapter", rank=rank)[1].adapter for rank in (1, 4, 32)
    ]

    assert not errors[0].is_exact
    assert errors[0].error > errors[1].error > errors[2].error
    assert errors[2].error < 1e-6  # the full rank of these matrices
    assert errors[0].worst_error >= errors[0].error
    delta = missed = 0.0
    tensors = load_file(write(source, tmp_path, strategy="adapter", rank=4)[0].partial / WEIGHTS)
    for name, change in source.method.changes(parameters()).items():
        w = source.loaded.model.get_parameter(name).double()
        path = f"base_model.model.{name.removesuffix('.weight')}"
        ba = tensors[f"{path}.lora_B.weight"].double() @ tensors[f"{path}.lora_A.weight"].double()
        delta += float((change(w) - w).square().sum())
        missed += float((change(w) - w - ba).square().sum())
    assert errors[1].error == pytest.approx((missed / delta) ** 0.5)


def test_an_adapter_is_taken_off_again_bit_for_bit(llama, tmp_path):
    source = source_of(llama, row_normalization="none")
    folder, _ = write(source, tmp_path, strategy="adapter")
    before = {k: v.clone() for k, v in source.loaded.model.state_dict().items()}

    with (
        pytest.raises(Stopped),
        adapter_applied(source.loaded, folder.partial / WEIGHTS),
    ):
        now = source.loaded.model.state_dict()
        assert any(not torch.equal(now[k], v) for k, v in before.items())
        raise Stopped

    after = source.loaded.model.state_dict()
    assert all(torch.equal(after[k], v) for k, v in before.items())


def test_the_adapter_names_no_local_path(llama, tmp_path):
    folder, _ = write(source_of(llama, row_normalization="none"), tmp_path, strategy="adapter")

    config = json.loads((folder.partial / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny/llama"
    assert str(tmp_path.parent) not in (folder.partial / "adapter_config.json").read_text()


def test_parameters_that_change_nothing_make_no_adapter(llama, tmp_path):
    source = source_of(llama)
    source.method.changes = lambda parameters: {}

    with pytest.raises(ModelError, match="change nothing"):
        write(source, tmp_path, strategy="adapter")


def test_a_missing_tensor_and_a_strange_one_are_found(llama, tmp_path):
    source = source_of(llama)
    folder, _ = write(source, tmp_path)
    tensors = load_file(folder.partial / SINGLE)
    lost = tensors.pop("model.norm.weight")

    save_file(tensors, folder.partial / SINGLE)
    with pytest.raises(ExportDiffersError, match=r"lacks model\.norm\.weight"):
        check_keys(checkpoint_of(str(folder.partial), None), source.checkpoint)
    save_file(tensors | {"model.norm.weight": lost, "odd": lost.clone()}, folder.partial / SINGLE)
    with pytest.raises(ExportDiffersError, match="also has odd"):
        check_keys(checkpoint_of(str(folder.partial), None), source.checkpoint)


def test_a_link_out_of_the_model_folder_is_not_followed(llama, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(llama, model)
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    (model / "added_tokens.json").symlink_to(secret)

    with pytest.raises(ModelError, match="leads out"):
        write(source_of(model), tmp_path / "exports")


def test_headers_say_what_the_files_hold(llama):
    stored = checkpoint_of(str(llama), None).tensors

    with safe_open(llama / SINGLE, framework="pt") as opened:
        for key in opened.keys():  # noqa: SIM118
            tensor = opened.get_tensor(key)
            assert (stored[key].shape, stored[key].dtype) == (tuple(tensor.shape), tensor.dtype)


@pytest.mark.parametrize(
    ("row", "dtype", "found", "equal"),
    [
        ({"value": 0.80, "low": 0.7}, "float32", 0.82, True),
        ({"value": 0.80, "low": 0.7}, "float32", 0.84, False),
        ({"value": 0.80, "low": 0.7}, "bfloat16", 0.84, True),
        ({"value": 6.0e-4, "low": None}, "float32", 6.5e-4, True),
        ({"value": 6.0e-4, "low": None}, "float32", 9.0e-4, False),
        ({"value": 2.0, "low": None}, "float32", 2.05, True),
        ({"value": 2.0, "low": None}, "bfloat16", 3.5, False),
    ],
)
def test_scores_agree_as_far_as_rounding_lets_them(row, dtype, found, equal):
    score = Score("Score", found, "", "minimize", None, None, None)

    (one,) = compare_scores([row | {"name": "Score"}], [score], dtype)

    assert one.is_equal == equal
