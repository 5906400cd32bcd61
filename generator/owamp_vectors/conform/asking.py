"""Putting every case to a program, whatever the program does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..vectors.stored import StoredCase
from .judging import Judgement, judge
from .program import Program, ProgramError
from .protocol import AnswerError, question, read_answer

SEARCHED = 100
"""For so many failures, mistakes at which the case is not aimed are tried as well."""
GIVE_UP = 10
"""Questions in a row without an answer, after which the program is not asked any more."""


def put(
    program: Program, cases: Iterable[StoredCase], *, partial: bool = False
) -> Iterator[Judgement]:
    """A judgement of each case.

    A program that fails to answer is stopped, and started anew for the next question; after
    `GIVE_UP` failures in a row the other cases fail unasked.

    Raises:
        NotStartedError: the program cannot be started.
    """
    silent = failed = 0
    for number, case in enumerate(cases, 1):
        if silent >= GIVE_UP:
            problem = f"not asked: no answer to the {GIVE_UP} questions before"
            yield Judgement(case, "failed", problem)
            continue
        try:
            answer = read_answer(program.ask(question(case, number)), number)
        except ProgramError as error:
            silent += 1
            yield Judgement(case, "failed", f"the program {error}")
        except AnswerError as error:
            silent += 1
            program.stop(grace=0)
            yield Judgement(case, "failed", f"not an answer: {error}")
        else:
            silent = 0
            found = judge(case, answer, partial=partial, search=failed < SEARCHED)
            failed += found.status == "failed"
            yield found
