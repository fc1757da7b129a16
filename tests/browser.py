"""A real Chromium, where there is one."""

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

SECONDS = 15  # that a page may take: a busy machine is slow
ARGUMENTS = [
    "--no-sandbox",
    # Pages live for seconds: what is meant to make long visits quicker and safer costs a tenth.
    "--js-flags=--single-threaded --no-opt",
    "--renderer-process-limit=1",
    "--disable-site-isolation-trials",
]
# The first is Chromium without a window, which takes half of the time of one that has it.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")


@pytest.fixture(scope="package")
def chromium():
    """A browser for the tests of one package; its event loop must not outlive them."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    expect.set_options(timeout=SECONDS * 1000)
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's loop runs in this thread, in which the tests write their rows.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            yield browser
            browser.close()
