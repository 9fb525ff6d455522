"""The rounds of a campaign: pull, learn, check, choose, push; killed anywhere, it goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from peerannot._lock import locked
from peerannot.aggregation import Result
from peerannot.campaign.belief import check_due, checked
from peerannot.campaign.choose import decide, paid, ready
from peerannot.campaign.decision import Decision
from peerannot.campaign.known import Known
from peerannot.campaign.learn import fitted, learned, of_sums
from peerannot.campaign.rules import Rules
from peerannot.campaign.tool import Tool
from peerannot.errors import AwayError

__all__ = ["Campaign", "run"]

LONGEST = 300.0  # seconds between two tries of a tool that is away


class Told(Protocol):
    """Who is told lines for people."""

    def __call__(self, text: str) -> None: ...


class Campaign:
    """A campaign of a tool, with its state in a folder.

    Parameters
    ----------
    tool
        Where answers come from, and decisions go.
    rules
        Settings; they are not part of the state, so another run may have others.
    state
        Folder of the state, made with the first round.
    tell
        Told what a person should know.

    Notes
    -----
    A round is committed when its answers are written, before anything is decided. What follows is
    a function of the state and the rules, and is pushed again at every start. One process at a
    time: the folder is locked for a round.
    """

    def __init__(self, tool: Tool, rules: Rules, state: str | Path, tell: Told) -> None:
        self.tool, self.rules, self.state, self.tell = tool, rules, Path(state), tell
        with locked(self.state):
            self.known = Known.load(self.state)
        self._stamp = self._manifest()
        self._pushed, self._missing = False, ""

    def round(self) -> Decision | None:
        """Pull, and where that brought something, or nothing was pushed yet, decide and push.

        None where there is nothing new, or not enough for a decision.

        Raises
        ------
        AwayError
            The tool is away; call it again later.
        PeerannotError
            Answers, settings or tool cannot be used; the state is that of before or after the pull.
        """
        with locked(self.state):
            if self._manifest() != self._stamp:
                # Another process had a round meanwhile.
                self.known, self._pushed = Known.load(self.state), False
            try:
                return self._round()
            finally:
                self._stamp = self._manifest()

    def _round(self) -> Decision | None:
        if not self._pull() and self._pushed:
            return None
        missing = ready(self.known, self.rules)
        if missing != self._missing:
            self._missing = missing
            if missing:
                self.tell(f"{self.tool.name}: {missing}; waiting")
        if missing:
            self._pushed = True
            return None
        self._check()
        decision = decide(self.known, self._result(), self.rules)
        self._pushed = False
        self.tool.push(decision)
        self._pushed = True
        return decision

    def _pull(self) -> bool:
        """Take what is new, and commit it; whether there was something."""
        pulled = self.tool.pull(self.known.since)
        if pulled is None:
            return False
        for line in pulled.notes:
            self.tell(line)
        now = self.known.take(pulled)
        new = now.round > self.known.round
        if now.cost_before is None:
            now = replace(now, cost_before=paid(now.answers, self.rules))
        elif not new:
            self.known = now
            return False
        now = replace(now, sums={}, learned_by="")
        if self.rules.online:
            strategy = self.rules.strategy
            before = self.known if self.known.learned_by == repr(strategy) else Known()
            now = replace(now, sums=learned(before, now, strategy), learned_by=repr(strategy))
        now.save(self.state)
        self.known = now
        return True

    def _check(self) -> None:
        """Check the model where it is due; what was found is part of the state."""
        if not self.rules.checks or not check_due(
            self.rules.strategy, self.known.answers, self.known.check
        ):
            return
        found = checked(self.rules.strategy, self.known.answers)
        if found["verdict"] != self.known.check.get("verdict", ""):
            self.tell(f"Check of the model at {found['n_answers']:,} answers: {found['verdict']}")
        self.known = replace(self.known, check=found)
        self.known.save(self.state)

    def _result(self) -> Result:
        online = self.rules.online and self.known.learned_by == repr(self.rules.strategy)
        return (of_sums if online else fitted)(self.known, self.rules.strategy)

    def _manifest(self) -> tuple[int, int] | None:
        """What tells one state in the folder from another."""
        try:
            found = (self.state / "manifest.json").stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def run(
    campaign: Campaign,
    *,
    every: float,
    told: Callable[[Decision], None],
    wake: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> Decision | None:
    """Go round by round until the campaign is over, or is stopped; the last decision.

    Parameters
    ----------
    every
        Seconds between two looks at the tool.
    told
        Told each decision once it is pushed.
    wake
        Set to look at once, as a webhook does.
    stop
        Set to end after the step that is being done.

    Notes
    -----
    A tool that is away is said once, and tried again after ``every`` seconds, then after twice as
    many each time, at most 300, or as long as it asked for.
    """
    wake, stop = wake or threading.Event(), stop or threading.Event()
    last: Decision | None = None
    tries = 0
    while not stop.is_set():
        wake.clear()
        pause = every
        try:
            decision = campaign.round()
        except AwayError as error:
            if not tries:
                campaign.tell(f"{error}; trying again until it is back")
            pause = max(min(every * 2.0**tries, max(LONGEST, every)), error.retry_after or 0.0)
            tries += 1
        else:
            if tries:
                times = "1 try" if tries == 1 else f"{tries} tries"
                campaign.tell(f"{campaign.tool.name} is back after {times}")
            tries = 0
            if decision is not None:
                last = decision
                told(decision)
                if decision.round.over:
                    break
        if not stop.is_set():
            wake.wait(pause)
    return last
