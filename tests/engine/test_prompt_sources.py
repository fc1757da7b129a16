import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.engine.errors import InvalidInputError, PromptSetError
from studies.engine.prompt_sources import (
    MAX_LINE_BYTES,
    MAX_LINES,
    MAX_TEXT_BYTES,
    digest,
    parse_prompt_text,
    parse_split,
    read_prompt_file,
)


def problems(call, *args):
    with pytest.raises(InvalidInputError) as caught:
        call(*args)
    return [str(problem) for problem in caught.value.problems]


def test_each_line_is_a_prompt_and_blank_lines_do_not_count():
    text = "one\r\n\r\n two\twords \n   \nthree\rfour\u2028still four"

    assert parse_prompt_text(text) == ["one", "two\twords", "three", "four\u2028still four"]


@pytest.mark.parametrize("text", ["", "\n \r\n\t"], ids=ascii)
def test_a_text_without_prompts_is_refused(text):
    with pytest.raises(PromptSetError, match="text: holds no prompts"):
        parse_prompt_text(text)


def test_limits_of_a_text_are_inclusive():
    line = "é" * (MAX_LINE_BYTES // 2)

    assert parse_prompt_text(line) == [line]
    assert problems(parse_prompt_text, f"ok\n{line}x") == ["text: line 2 is longer than 32 KiB"]
    assert len(parse_prompt_text("x\n" * MAX_LINES)) == MAX_LINES
    assert problems(parse_prompt_text, "x\n" * (MAX_LINES + 1)) == [
        "text: has 50001 prompts; at most 50000 are possible"
    ]
    assert problems(parse_prompt_text, "x\n" * (MAX_TEXT_BYTES // 2) + "y") == [
        "text: is larger than 5 MiB"
    ]


def test_every_unusable_line_is_named():
    assert problems(parse_prompt_text, "ok\na\0b\nc\x1bd") == [
        "text: line 2 contains a control character (U+0000)",
        "text: line 3 contains a control character (U+001B)",
    ]
    assert problems(parse_prompt_text, "ok\ud800") == [
        "text: contains an invalid Unicode character at position 2"
    ]


@given(st.lists(st.text("ab é😀", min_size=1).map(str.strip).filter(bool), min_size=1))
def test_prompts_survive_a_file(tmp_path_factory, prompts):
    file = tmp_path_factory.getbasetemp() / "prompts.txt"
    file.write_text("\n\n".join(prompts), encoding="utf-8-sig", newline="\r\n")

    assert read_prompt_file("prompts.txt", [file.parent]) == prompts


def test_a_file_is_read_below_the_roots_only(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_text("inside")
    (tmp_path / "b.txt").write_text("outside")
    (root / "link.txt").symlink_to(tmp_path / "b.txt")

    assert read_prompt_file("sub/a.txt", [root]) == ["inside"]
    assert read_prompt_file(str(root / "sub" / "a.txt"), [root]) == ["inside"]
    for path in (
        "../b.txt",
        str(tmp_path / "b.txt"),
        "link.txt",
        "~/b.txt",
        "a\\b",
        "x\0",
        "",
        "/etc/passwd",
    ):
        with pytest.raises(PromptSetError, match="path: "):
            read_prompt_file(path, [root])
    with pytest.raises(PromptSetError, match="no such file below the prompt folders"):
        read_prompt_file("nothing.txt", [root])


def test_only_regular_files_are_read_and_nothing_waits(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    with pytest.raises(PromptSetError, match='path: "pipe" is not a file'):
        read_prompt_file("pipe", [tmp_path])
    with pytest.raises(PromptSetError, match='path: "folder" cannot be read: Is a directory'):
        read_prompt_file("folder", [tmp_path])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("größe".encode("latin-1"), r"not UTF-8 text \(byte 0xf6 at position 2\)"),
        ("a".encode("utf-16"), r"not UTF-8 text \(byte 0xff at position 0\)"),
        (b"", "holds no prompts"),
    ],
    ids=["latin-1", "utf-16", "empty"],
)
def test_a_file_that_is_no_text_is_refused_with_the_reason(tmp_path, data, message):
    (tmp_path / "a.txt").write_bytes(data)

    with pytest.raises(PromptSetError, match=message):
        read_prompt_file("a.txt", [tmp_path])


def test_a_file_that_is_too_large_is_refused_without_reading_it_whole(tmp_path):
    with (tmp_path / "a.txt").open("wb") as stream:
        stream.truncate(10**11)  # sparse

    assert problems(read_prompt_file, "a.txt", [tmp_path]) == [
        "path: the file is larger than 5 MiB"
    ]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("train", ("train", None, None)),
        ("train[:400]", ("train", None, 400)),
        ("test[100:200]", ("test", 100, 200)),
        ("train[400:]", ("train", 400, None)),
        ("train[-100:]", ("train", -100, None)),
        ("train[:-1]", ("train", None, -1)),
        ("train[:]", ("train", None, None)),
    ],
)
def test_a_split_names_its_slice(text, split):
    assert parse_split(text) == split


@pytest.mark.parametrize(
    "text",
    ["", "train[:400", "[:400]", "train[:10%]", "train[5]", "train[a:b]", "train[1:2:3]", "a b", "train[:٤]",
     "train+test", "train[:400]\n", "train[:" + "9" * 5000 + "]"],
)  # fmt: skip
def test_a_split_in_another_form_is_refused(text):
    (problem,) = problems(parse_split, text)

    assert problem.startswith("split: must read like train or train[:400]")
    assert len(problem) < 200


@pytest.mark.parametrize("text", ["train[:0]", "train[5:5]", "train[9:2]", "train[-1:-5]"])
def test_a_split_that_can_select_nothing_is_refused(text):
    assert problems(parse_split, text) == [f'split: selects nothing (got "{text}")']


def test_the_digest_tells_apart_what_a_model_would_read_differently():
    same = digest(["a", "b"], "s")

    assert same == digest(("a", "b"), "s")
    assert len(same) == 64
    others = [
        digest(["b", "a"], "s"),
        digest(["ab"], "s"),
        digest(["a", "b"], None),
        digest(["s", "a"], "b"),
    ]
    assert len({same, *others}) == 5
