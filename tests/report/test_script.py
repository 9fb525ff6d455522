"""The modules of the page's script, and how they become one."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerannot.report import _script


@pytest.fixture
def modules(monkeypatch):
    """Modules of the test's own, path to source."""
    sources: dict[str, str] = {}
    monkeypatch.setattr(_script, "_text", sources.__getitem__)
    return sources


def test_what_is_not_exported_is_not_seen(modules):
    modules["main.mjs"] = (
        'import { a, b as other } from "./parts/one.mjs";\n'
        'import {\n  c,\n} from "./two.mjs";\nconst b = a + other + c;\n'
    )
    modules["parts/one.mjs"] = (
        'import { c } from "../two.mjs";\nconst hidden = 1;\nexport const a = hidden + c;\n'
        "export async function b() {}\n"
    )
    modules["two.mjs"] = "const hidden = 2;\nexport const c = hidden;\n"
    assert _script.bundle() == (
        "const module_two = (() => {\nconst hidden = 2;\nconst c = hidden;\n"
        "return { c };\n})();\n"
        "const module_parts_one = (() => {\nconst { c } = module_two;\nconst hidden = 1;\n"
        "const a = hidden + c;\nasync function b() {}\nreturn { a, b };\n})();\n"
        "const module_main = (() => {\nconst { a, b: other } = module_parts_one;\n"
        "const { c } = module_two;\nconst b = a + other + c;\nreturn {  };\n})();\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        'import x from "./two.mjs";',
        'import * as x from "./two.mjs";',
        "export default 3;",
        "export let x = 3;",
        'export { x } from "./two.mjs";',
    ],
)
def test_other_forms_are_refused(modules, line):
    modules["main.mjs"] = f"{line}\n"
    modules["two.mjs"] = ""
    with pytest.raises(ValueError, match=r"main\.mjs: an import or export of a form"):
        _script.bundle()


def test_circles_are_refused(modules):
    modules["main.mjs"] = 'import { a } from "./two.mjs";\nexport const b = 1;\n'
    modules["two.mjs"] = 'import { b } from "./main.mjs";\nexport const a = 1;\n'
    with pytest.raises(ValueError, match=r"main\.mjs -> two\.mjs -> main\.mjs"):
        _script.bundle()


def test_every_module_is_in_the_page():
    home = Path(_script.__file__).parent / "page" / "script"
    text = _script.bundle() + _script.bundle("audit.mjs")
    for path in home.rglob("*.mjs"):
        name = _script.variable(path.relative_to(home).as_posix())
        assert f"const {name} = (() => {{\n" in text, path
    assert "</" not in text


def test_corrections_are_kept_until_they_are_saved(script):
    """The store of corrections alone, with a server that refuses once."""
    said = script(
        "tasks/corrections.mjs",
        """(async () => {
          const store = new Map(), sent = [];
          Object.defineProperty(globalThis, "sessionStorage", { configurable: true, value: {
            getItem: (key) => store.get(key) ?? null,
            setItem: (key, text) => store.set(key, text) } });
          let ok = false;
          globalThis.fetch = async (_, { body }) => {
            sent.push(JSON.parse(body)); return { ok, json: async () => ({ error: "full" }) }; };
          const tasks = x.map((id) => ({ id, gold: -1 }));
          const kept = m.corrections({ tasks, classes: ["cat", "dog"] }, "secret");
          const told = []; kept.listen((task) => told.push(task.id));
          const fault = await kept.send(tasks[1], 1);
          const waiting = [kept.waiting, tasks[1].gold, kept.chosen(tasks[1])];
          const again = m.corrections({ tasks, classes: ["cat", "dog"] }, "secret");
          again.remember(); ok = true; const remembered = again.waiting;
          await again.sendAgain();
          const [left, gold] = [again.waiting, tasks[1].gold];
          return { fault, waiting, told, remembered, left, gold, sent };
        })()""",
        ["a", "b"],
    )
    post = {"task": "b", "label": "dog"}
    assert said == {
        "fault": "full",
        "waiting": [1, -1, 1],
        "told": ["b"],
        "remembered": 1,
        "left": 0,
        "gold": 1,
        "sent": [post, post],
    }
