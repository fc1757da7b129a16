"""Bad prompt sets and files get one message at their place, in the API and in the admin's form."""

import pytest

from studies.admin.prompt_sets import PromptSetForm
from studies.models import PromptSet

TEXT = {"slug": "mine", "name": "Mine", "source": "text", "text": "one\ntwo"}
HUB = TEXT | {
    "source": "dataset",
    "text": "",
    "dataset": "a/b",
    "split": "train",
    "column": "text",
}
FILE = TEXT | {"source": "file", "text": "", "path": "prompts.txt"}
REVISION = "must be a branch, a tag or a 40-character commit"
SPLIT = "must read like train or train[:400], with whole numbers"
TABLE = [
    (TEXT | {"text": "\n \n"}, "text", "holds no prompts"),
    (TEXT | {"text": "a\x07b"}, "text", "line 1 contains a control character (U+0007)"),
    (TEXT | {"text": "one\n" + "x" * 40_000}, "text", "line 2 is longer than 32 KiB"),
    (TEXT | {"text": "x\n" * 50_001}, "text", "has 50001 prompts; at most 50000 are possible"),
    (TEXT | {"name": "a\u202eb"}, "name", "contains an invisible character (U+202E)"),
    (TEXT | {"name": "a\u200bb"}, "name", "contains an invisible character (U+200B)"),
    (TEXT | {"prefix": "a\x07"}, "prefix", "contains a control character (U+0007)"),
    (TEXT | {"suffix": "\x1b[2J"}, "suffix", "contains a control character (U+001B)"),
    (TEXT | {"system_prompt": "\x9f"}, "system_prompt", "contains a control character (U+009F)"),
    (HUB | {"commit": "main; rm"}, "commit", f'{REVISION} (got "main; rm")'),
    (HUB | {"commit": "../x"}, "commit", f'{REVISION} (got "../x")'),
    (HUB | {"column": "a\u200bb"}, "column", "contains an invisible character (U+200B)"),
    (HUB | {"split": "train[:400"}, "split", f'{SPLIT} (got "train[:400")'),
    (HUB | {"split": "train[a:b]"}, "split", f'{SPLIT} (got "train[a:b]")'),
    (HUB | {"split": "train[:1.5]"}, "split", f'{SPLIT} (got "train[:1.5]")'),
    (HUB | {"split": "train[5:5]"}, "split", 'selects nothing (got "train[5:5]")'),
    (HUB | {"split": "train[:0]"}, "split", 'selects nothing (got "train[:0]")'),
    (HUB | {"split": ""}, "split", "is required for a dataset"),
    (HUB | {"column": ""}, "column", "is required for a dataset"),
    (HUB | {"dataset": "a b"}, "dataset", 'must be owner/name on the hub (got "a b")'),
    (HUB | {"dataset": "../../etc"}, "dataset", 'must be owner/name on the hub (got "../../etc")'),
    (FILE | {"path": "../x"}, "path", 'must not climb to other folders (got "../x")'),
    (FILE | {"path": "~/x"}, "path", 'must not climb to other folders (got "~/x")'),
    (FILE | {"path": "C:\\x"}, "path", 'must not contain a backslash (got "C:\\x")'),
    (
        FILE | {"path": "http://169.254.1.1"},
        "path",
        'must be a path or a name, not a URL or a drive (got "http://169.254.1.1")',
    ),
    (
        FILE | {"path": "/etc/passwd"},
        "path",
        'leads out of the folders that are open to users (got "/etc/passwd")',
    ),
    (
        FILE | {"path": "gone.txt"},
        "path",
        'no such file below the prompt folders (got "gone.txt")',
    ),
    (
        FILE | {"path": "utf16.txt"},
        "path",
        "the file is not UTF-8 text (byte 0xff at position 0)",
    ),
    (FILE | {"path": "large.txt"}, "path", "the file is larger than 5 MiB"),
    (FILE | {"path": "empty.txt"}, "path", "holds no prompts"),
    (FILE | {"path": "folder"}, "path", '"folder" cannot be read: Is a directory'),
]


@pytest.fixture(autouse=True)
def prompt_folder(db, settings, tmp_path):
    settings.PROMPT_ROOTS = [tmp_path]
    (tmp_path / "utf16.txt").write_bytes("one".encode("utf-16"))
    (tmp_path / "large.txt").write_bytes(b"a prompt\n" * 1_200_000)  # 10 MB
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "folder").mkdir()


def test_the_api(api, make_user):
    client = api(make_user(may=["studies.add_promptset"]))
    for fields, place, message in TABLE:
        answer = client.post("prompt-sets", fields)
        said = [(error["place"], error["message"]) for error in answer.json()["errors"]]
        assert (answer.status_code, said) == (422, [(place, message)])
    assert not PromptSet.objects.exists()


def test_the_form_of_the_admin():
    for fields, place, message in TABLE:
        form = PromptSetForm({form_name(name): text for name, text in fields.items()})
        said = [(field, text) for field, texts in form.errors.items() for text in texts]
        assert said == [(place, f"{message[:1].upper()}{message[1:]}.")], fields
    assert not PromptSet.objects.exists()


def form_name(name):
    return "hub_dataset" if name == "dataset" else name
