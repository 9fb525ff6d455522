"""Data sets and a real browser for the tests of the report."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.pages import EVIL, write_votes
from helpers.waiting import PATIENCE
from peerannot.report._script import bundle, variable

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync"
    " --disable-background-networking --disable-component-update --disable-dev-shm-usage"
)


CrowdFolder = Callable[..., Path]


@pytest.fixture
def crowd_folder(tmp_path: Path) -> CrowdFolder:
    """A folder of random votes: ``n_tasks`` tasks, some workers good and the last one bad."""

    def make(
        n_tasks: int = 30, k: int = 3, n_workers: int = 6, each: int = 4, images: bool = False
    ) -> Path:
        rng = np.random.default_rng(3)
        truth = rng.integers(0, k, n_tasks)
        votes: dict[str, dict[str, Any]] = {}
        for t in range(n_tasks):
            who = rng.choice(n_workers, each, replace=False)
            right = (rng.random(each) < 0.85) & (who < n_workers - 1)
            said = np.where(right, truth[t], rng.integers(0, k, each))
            votes[str(t)] = {f"w{w}": int(s) for w, s in zip(who, said, strict=True)}
        classes = [f"class {c}" for c in range(k)]
        root = write_votes(tmp_path / "crowd", votes, classes)
        np.save(root / "ground_truth.npy", truth)
        if images:
            from PIL import Image

            for t in range(n_tasks):
                home = root / "train" / classes[truth[t]]
                home.mkdir(parents=True, exist_ok=True)
                pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(home / f"x-{t}.png")
        return root

    return make


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """Markup as class, task and worker, and in the name."""
    votes = {
        EVIL[0]: {EVIL[0]: EVIL[0], EVIL[1]: EVIL[1], "c": EVIL[0]},
        EVIL[1]: {EVIL[0]: EVIL[1], EVIL[2]: EVIL[1]},
        EVIL[2]: {EVIL[1]: EVIL[2]},
    }
    root = write_votes(tmp_path / "evil", votes, list(EVIL))
    document = json.loads((root / "metadata.json").read_text())
    # A slash cannot stand in a name, so the end of a script element cannot either.
    document["name"] = "<script>alert(1)<b>\u2028'\""
    (root / "metadata.json").write_text(json.dumps(document))
    return root


Script = Callable[..., Any]


@pytest.fixture
def script(request: pytest.FixtureRequest) -> Script:
    """The value of an expression of JavaScript; ``m`` is a module of the page, ``x`` the argument.

    Node runs the module as it is, a browser runs what the page gets; either of them will do.
    """
    node = shutil.which("node")
    driver = None if node else request.getfixturevalue("_driver")

    def call(module: str, expression: str, argument: Any) -> Any:
        if node is None:
            code = f"{bundle(module)}const m = {variable(module)}, x = arguments[0];"
            return driver.execute_script(f"{code} return {expression};", argument)
        place = files("peerannot.report") / "page" / "script" / module
        code = (
            f"import * as m from {json.dumps(place.as_uri())};\n"
            "import { readFileSync } from 'node:fs';\n"
            "const x = JSON.parse(readFileSync(0, 'utf8'));\n"
            f"process.stdout.write(JSON.stringify(await {expression}));"
        )
        command = [node, "--input-type=module", "--eval", code]
        said = json.dumps(argument)
        done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="session")
def _driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    from selenium.webdriver.chrome.service import Service

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    helper = shutil.which("chromedriver")
    if browser is None or helper is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(helper))
    yield driver
    driver.quit()


class Browser:
    """A page in a real browser, with the few things that the tests do to it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def size(self, width: int, height: int, mobile: bool = False) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def open(self, address: str) -> None:
        self.driver.get_log("browser")
        still = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", still)
        self.driver.get(address)

    def js(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def choose(self, selector: str, text: str) -> None:
        from selenium.webdriver.support.ui import Select

        Select(self.one(selector)).select_by_visible_text(text)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            code = getattr(Keys, key.upper()) if len(key) > 1 else key
            self.driver.switch_to.active_element.send_keys(code)

    def until(self, code: str) -> Any:
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, PATIENCE).until(lambda d: d.execute_script(code))

    @property
    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture
def browser(_driver: Any) -> Iterator[Browser]:
    page = Browser(_driver)
    page.size(1280, 900)
    yield page
    _driver.get("about:blank")
