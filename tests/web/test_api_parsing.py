"""What a request body may not be."""

import json

import pytest

from studies.api.errors import BodyError
from studies.api.parsing import MAX_BYTES, read_json

DEEP = "[" * 100_000
CASES = {
    "NaN": ('{"low": NaN}', "low: NaN is not valid JSON"),
    "Infinity": ('{"a": [1, -Infinity]}', "a[1]: -Infinity is not valid JSON"),
    "float beyond range": ('{"a": 1e400}', "a: 1e400 is too large for a number here"),
    "5000 digits": ('{"a": %s}' % ("9" * 5000), "a: number has 5000 digits; at most 19 allowed"),
    "key twice": ('{"a": {"low": 0, "low": 1}}', "a.low: appears twice"),
    "100000 levels": (DEEP, "body: is nested too deeply (limit 20 levels)"),
    "lone surrogate": (r'{"a": "\ud800"}', "a: contains an invalid Unicode character"),
    "lone surrogate key": (r'{"\ud800": 1}', "body: key "),
    "NUL": (r'{"a": "x\u0000"}', "a: contains a control character (U+0000)"),
    "cut": ('{"model": "a', "body: is not valid JSON at position 10"),
    "not JSON": ("model=a", "body: is not valid JSON at position 0"),
}


@pytest.mark.parametrize(("body", "message"), CASES.values(), ids=CASES)
def test_a_body_that_is_not_strict_json_is_refused_with_its_place(body, message):
    with pytest.raises(BodyError) as caught:
        read_json(body.encode())

    assert message in str(caught.value)


def test_bytes_that_are_not_utf8_are_named_with_their_position():
    with pytest.raises(BodyError, match=r"not UTF-8 text \(byte 0xff at position 2\)"):
        read_json(b'{"\xff": 1}')


def test_all_faults_of_a_body_are_reported_at_once_up_to_fifty():
    with pytest.raises(BodyError) as caught:
        read_json(b'{"values": [%s]}' % b",".join([b"NaN"] * 80))

    assert len(caught.value.problems) == 50


@pytest.mark.parametrize(("levels", "taken"), [(20, True), (21, False)])
def test_twenty_levels_are_the_limit(levels, taken):
    body = ("[" * levels + "]" * levels).encode()

    if taken:
        assert json.dumps(read_json(body)) == body.decode()
    else:
        with pytest.raises(BodyError, match="nested too deeply"):
            read_json(body)


def test_ordinary_json_comes_through_unchanged():
    value = {"a": [1, -2.5, True, None, "größe 🙂"], "max_weight": {"attn.o_proj": {"low": 0}}}

    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_other_content_types_than_json_are_415(api, make_user, content_type):
    response = api(make_user()).post("studies", "{}", content_type=content_type)

    assert response.status_code == 415
    assert response.json()["errors"][0]["message"] == "send application/json"


def test_a_charset_beside_the_content_type_is_fine(api, make_user):
    response = api(make_user()).post(
        "studies", "{}", content_type="application/json; charset=utf-8"
    )

    assert response.status_code == 422  # read, and found incomplete


def test_a_body_over_256_kib_is_413(api, make_user):
    fits = '{"model": "%s"}' % ("a" * (MAX_BYTES - 20))
    client = api(make_user())

    assert client.post("studies", fits).status_code == 422
    assert client.post("studies", fits + " " * 100).status_code == 413


def test_a_prompt_set_may_be_larger_and_has_its_own_limit(api, make_user):
    client = api(make_user(may=["studies.add_promptset"]))
    prompts = "\n".join("a prompt of some length, for its bytes" for _ in range(20_000))
    body = {"slug": "large", "name": "Large", "source": "text", "text": prompts}

    assert len(json.dumps(body)) > 2 * MAX_BYTES
    assert client.post("prompt-sets", body).status_code == 201
    too_large = client.post("prompt-sets", {**body, "text": "a" * (7 * 1024 * 1024)})
    assert too_large.status_code == 413
    assert too_large["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "7", ""])
def test_a_body_that_is_no_object_is_named_as_such(api, make_user, body):
    response = api(make_user()).post("studies", body)

    assert response.status_code == 422
    assert {e["place"] for e in response.json()["errors"]} == {"body"}
