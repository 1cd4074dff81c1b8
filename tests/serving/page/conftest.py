"""A browser for the tests of the page."""

import shutil

import pytest


@pytest.fixture(scope="module")
def chromium():
    """A browser with a camera that shows a pattern."""
    api = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no /usr/bin/chromium")
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream"]
        arguments.append("--use-fake-device-for-media-stream")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
