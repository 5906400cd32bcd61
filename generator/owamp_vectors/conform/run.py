"""Putting every case to a program, whatever the program does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .judge import AnswerError, Question, Verdict, judge, read_answer
from .program import Program, ProgramError

GIVE_UP = 10
"""Questions in a row without an answer, after which the program is not asked any more."""


def put(program: Program, asked: Iterable[Question], *, partial: bool = False) -> Iterator[Verdict]:
    """A verdict for each question.

    A program that fails to answer is stopped, and started anew for the next question; after
    `GIVE_UP` failures in a row the other cases fail unasked.

    Raises:
        NotStartedError: the program cannot be started.
    """
    silent = 0
    for number, question in enumerate(asked, 1):
        if silent >= GIVE_UP:
            problem = f"not asked: no answer to the {GIVE_UP} questions before"
            yield Verdict(question, "failed", problem)
            continue
        try:
            answer = read_answer(program.ask(question.to_line(number)), number)
        except ProgramError as error:
            silent += 1
            yield Verdict(question, "failed", f"the program {error}")
        except AnswerError as error:
            silent += 1
            program.stop(grace=0)
            yield Verdict(question, "failed", f"not an answer: {error}")
        else:
            silent = 0
            yield judge(question, answer, partial=partial)
