"""Setting up: idempotent, with a secret of its own, and closed to the outside by default."""

import subprocess

import pytest

from tests.system.conftest import MANAGE


def test_a_second_quickstart_changes_nothing(installation):
    def contents():
        dump = installation.manage(
            "dumpdata", "studies", "auth", "--exclude", "auth.permission", "--natural-foreign"
        )
        return dump, sorted(map(str, installation.folder.rglob("*")))

    before = contents()

    assert installation.manage("quickstart") == ""
    assert contents() == before


def test_the_password_is_neither_stored_nor_logged_in_clear(installation):
    for file in installation.folder.rglob("*"):
        if file.is_file():
            assert installation.password.encode() not in file.read_bytes(), file


def test_the_secret_key_is_private_to_its_installation(installation):
    key = installation.folder / "secret_key"

    assert len(key.read_text()) >= 50
    assert key.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1"])
def test_debug_is_refused_on_an_address_that_others_reach(installation, host):
    started = subprocess.run(
        [*MANAGE, "serve", "--host", host],
        env=installation.environment | {"DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert started.returncode != 0
    assert "DEBUG" in started.stderr
