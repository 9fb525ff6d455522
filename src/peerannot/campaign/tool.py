"""What a campaign asks of a labelling tool: its answers, and a place for what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from peerannot.answers import Answers

if TYPE_CHECKING:
    from peerannot.campaign.decision import Decision

__all__ = ["Pulled", "Tool"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pulled:
    """What a tool has, all of it or what changed since another pull.

    Attributes
    ----------
    since : JSON value
        Where the next pull goes on; written to the campaign's state with these answers, and given
        back as it is. It must not grow with the number of answers.
    answers : Answers or None
        Answers that are new or changed, one a task and worker: it replaces the earlier one. Tasks
        among its vocabulary that have no answers are tasks. None for none.
    whole : bool
        Whether these are all answers of the tool; the campaign then forgets all others.
    withdrawn : sequence of (task, worker)
        Answers that were taken back; not where ``whole``.
    passed_over : sequence of (task, worker)
        Who saw which task and gave no label: they are not asked again. With ``whole`` all, else
        those that are new.
    tasks : sequence of str or None
        All tasks that can be asked about, also those without answers; others keep their label and
        are asked about no more. None for those of the answers.
    workers : sequence of str or None
        All workers who can be asked; None for those who have answered.
    classes : sequence of str or None
        Names of the classes in order; None for the labels that occur.
    gold : mapping of task to class name, or None
        Known labels, all of them; None for those of the pull before.
    notes : sequence of str
        Lines that the user should read.
    """

    since: Any = None
    answers: Answers | None = None
    whole: bool = False
    withdrawn: Sequence[tuple[str, str]] = ()
    passed_over: Sequence[tuple[str, str]] = ()
    tasks: Sequence[str] | None = None
    workers: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    gold: Mapping[str, str] | None = None
    notes: Sequence[str] = field(default=())


class Tool(Protocol):
    """A labelling tool. Both methods are called by one thread, one after the other.

    The order of a round is: `pull`; the campaign writes its state, with ``since``; it decides,
    which the state determines; `push`; the campaign writes that it was pushed. Killed anywhere,
    it goes on from the last state: answers may be pulled again, and the same decision, to the
    bit, be pushed again, whole or the rest of it. So `push` says what is to be, not what is to
    change, and must look at what is there.

    Whatever passes by itself (a server that is away, 429, half a page, a file that is being
    written) is an `AwayError`: it is said once, and tried again later and later. Any other
    `PeerannotError` ends the campaign with its line.

    Attributes
    ----------
    name : str
        What it is, for messages: ``"votes.csv"``, ``"project 3 of http://127.0.0.1:8080"``.
    """

    @property
    def name(self) -> str: ...

    def pull(self, since: Any) -> Pulled | None:
        """What changed since another pull; None where nothing did.

        Parameters
        ----------
        since
            `Pulled.since` of the pull that the state has; None at the first, and where everything
            is wanted.

        Raises
        ------
        AwayError
            It cannot be asked for now.
        PeerannotError
            It cannot be used.
        """

    def push(self, decision: Decision) -> int:
        """Make the tool as decided; the number of things that had to be changed.

        The same decision a second time changes nothing, and gives 0.

        Raises
        ------
        AwayError, PeerannotError
            As `pull`; what was pushed so far may stay.
        """
