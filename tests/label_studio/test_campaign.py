"""A whole campaign on a real server: five people of different skill, with and without us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.waiting import eventually
from peerannot.aggregation import build
from peerannot.answers import Answers
from peerannot.campaign import Campaign, Rules
from peerannot.label_studio import LabelStudio

NAMES = ("ann", "ben", "cleo", "dan", "eve")
# Share of right answers where the truth is cat, and where it is dog.
SKILLS = {"ann": (0.97, 0.95), "ben": (0.93, 0.9), "cleo": (0.9, 0.8), "dan": (0.75, 0.85),
          "eve": (0.65, 0.6)}  # fmt: skip
CLASSES = ("cat", "dog")


class People:
    """Answers that each would give, known before; they are asked by Label Studio alone."""

    def __init__(self, server, project: int, tasks: list[int], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.server, self.project = server, project
        self.truth = dict(zip(tasks, rng.integers(0, 2, len(tasks)).tolist(), strict=True))
        self.says = {
            (task, name): truth if rng.random() < SKILLS[name][truth] else 1 - truth
            for task, truth in self.truth.items()
            for name in NAMES
        }
        self.given = 0

    def work(self, answers: int) -> int:
        """Each in turn takes what the server hands out, up to so many answers in all."""
        done, idle = 0, 0
        for turn in range(10 * answers):
            if done >= answers or idle >= len(NAMES):
                break
            person = self.server.people[NAMES[turn % len(NAMES)]]
            task = person.next_task(self.project)
            if task is None:
                idle += 1
                continue
            idle = 0
            person.answer(task, CLASSES[self.says[task, person.name]])
            done += 1
        self.given += done
        return done

    def accuracy(self, labels: dict[int, str]) -> float:
        return float(np.mean([labels[t] == CLASSES[y] for t, y in self.truth.items()]))

    def all_answers(self, most: int) -> dict[int, str]:
        """Labels where everybody is asked about each task, at most so many."""
        rng = np.random.default_rng(0)
        rows = [
            (str(task), name, CLASSES[self.says[task, name]])
            for task in self.truth
            for name in rng.permutation(NAMES)[:most].tolist()
        ]
        answers = Answers.from_arrays(*map(list, zip(*rows, strict=True)), classes=CLASSES)
        result = build("one-coin").fit(answers)
        return {int(t): label for t, label in zip(result.tasks, result.label_names(), strict=True)}


@pytest.fixture
def crowd(server):
    project = server.project()
    tasks = server.tasks(project, [{"image": f"https://example.org/{i}.png"} for i in range(40)])
    return People(server, project, tasks, 7)


def test_fewer_answers_for_the_same_labels(server, crowd, tmp_path, capsys):
    rules = Rules(batch=15, stop={"sure": 0.97}, checks=False, per_task=len(NAMES))
    tool = LabelStudio(server.admin, crowd.project, tmp_path / "set", batch=rules.batch)
    campaign = Campaign(tool, rules, tmp_path / "set/label-studio/campaign", lambda text: None)
    campaign.round()
    began = time.monotonic()
    for _ in range(60):
        crowd.work(15)
        decision = campaign.round()
        assert decision is not None
        if decision.round.over:
            break
    assert decision.round.over == "all 40 tasks are done"
    assert all(server.people[name].next_task(crowd.project) is None for name in NAMES)
    held = {task: label for task, label, _, _ in server.predictions(crowd.project)}
    with_us = crowd.accuracy(held)
    without = {m: crowd.accuracy(crowd.all_answers(m)) for m in range(1, len(NAMES) + 1)}
    enough = next((m * 40 for m, share in without.items() if share >= with_us), None)
    with capsys.disabled():
        print(
            f"\nwith us {crowd.given} answers, {with_us:.3f} right, in {decision.round.number}"
            f" rounds and {time.monotonic() - began:.0f} s; without "
            + ", ".join(f"{m * 40} {share:.3f}" for m, share in without.items())
            + f"; as right without us after {enough} answers"
        )
    assert decision.round.saved == 5 * 40 - crowd.given == 200 - decision.round.n_answers
    assert crowd.given <= 0.75 * 200
    assert with_us >= max(without[2], without[5] - 0.1)


def test_the_command_is_killed_and_goes_on(server, crowd, tmp_path):
    """kill -9 in the middle of a round; the same command ends the campaign, with no doubles."""
    env = {**os.environ, "PEERANNOT_LABEL_STUDIO_TOKEN": server.people["admin"].token}
    folder = tmp_path / "set"
    command = [sys.executable, "-m", "peerannot", "label-studio", "watch", str(folder), "--url",
               server.url, "--project", str(crowd.project), "--budget", "30", "--batch", "10",
               "--no-check", "--webhook", "0", "--every", "600", "--json"]  # fmt: skip

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def hooks() -> list[object]:
        found = server.admin.get("api/webhooks/", project=crowd.project)
        return [hook["url"] for hook in found]

    crowd.work(40)
    first = start()
    eventually(lambda: server.predictions(crowd.project) or first.poll() is not None)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert (folder / "label-studio/campaign/manifest.json").exists()
    second = start()
    # Polls are ten minutes apart: what wakes it is the server.
    eventually(lambda: len(hooks()) == 2 or second.poll() is not None)
    while second.poll() is None:
        crowd.work(10)
        time.sleep(0.5)
    out, err = second.communicate()
    assert second.returncode == 0, err
    facts = json.loads(out)["round"]
    assert facts["over"] == "the budget of 30 is spent" and "round 2: " in err
    assert len(hooks()) == 1  # that of the one who was killed
    labelled = [task for task, _, _, _ in server.predictions(crowd.project)]
    assert labelled == sorted(set(labelled)) and len(labelled) == 40
    assert crowd.work(5) == 0
    assert Path(folder / "answers.json").exists()
