"""The equations of a theory as laws that the bound functions must obey."""

from __future__ import annotations

from collections.abc import Mapping

from ..vectors.drbg import Drbg
from .evaluate import EvaluationError, Evaluator
from .infer import Problem, equation_kinds, infer_equation, samples
from .normal import normal_form
from .table import Table, table_of
from .terms import App, Equation, Model, Term, Var


def difference(equation: Equation, values: Mapping[Term, bytes], table: Table) -> str | None:
    """How the two sides differ as octets; None if they are equal."""
    try:
        evaluate = Evaluator(values, table)
        left, right = evaluate(equation.left), evaluate(equation.right)
    except EvaluationError as error:
        return f"{error.term}: {error.reason}"
    if left == right:
        return None
    given = ", ".join(f"{term} = {octets.hex()}" for term, octets in values.items())
    return f"{left.hex()} is not {right.hex()} for {given}"


def check_equation(
    equation: Equation, source: Drbg, table: Table, times: int = 8
) -> Problem | None:
    """Whether an equation holds for values from a source, several times over."""
    inference = infer_equation(equation, table)
    if inference.problems:
        problem = inference.problems[0]
        return Problem(problem.place or equation.place, problem.text)
    kinds = equation_kinds(equation, table)
    for number in range(times):
        values = samples(kinds, source.at(f"{equation} {number}"))
        if found := difference(equation, values, table):
            return Problem(equation.place, f"{equation} does not hold for octets: {found}")
    return None


def missing_equations(model: Model) -> list[Problem]:
    """Ciphers of a model that no equation of it decrypts, though decryption is declared."""
    declared = {function.name: function for function in model.functions}
    table = table_of(model.name)
    problems = []
    for function in model.functions:
        row = table.symbols.get(function.name)
        undone = row.undone if row else None
        if undone is None or not undone.is_in_theories or undone.by not in declared:
            continue
        arguments = [Var(f"x{number}") for number in range(function.arity)]
        terms: list[Term] = [*arguments]
        terms[undone.argument] = App(function.name, tuple(arguments))
        back = App(undone.by, tuple(terms))
        if normal_form(back, model.equations) != arguments[undone.argument]:
            wanted = f"{back} = {arguments[undone.argument]}"
            problem = f"no equation says that {wanted}, which octets obey"
            problems.append(Problem(declared[undone.by].place, problem))
    return problems
