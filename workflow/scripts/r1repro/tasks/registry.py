# SPDX-License-Identifier: Apache-2.0
"""All tasks by name. A new task is one module that ends in TASK and one line here."""

from collections.abc import Callable

from r1repro.tasks import (
    code_synthesis,
    general_form,
    general_request,
    logic_ab,
    math_chain_sum,
    stem_choice,
)
from r1repro.tasks.data import user_answers
from r1repro.tasks.problem import Task

TASKS: dict[str, Task] = {
    module.TASK.name: module.TASK
    for module in (
        math_chain_sum,
        code_synthesis,
        stem_choice,
        logic_ab,
        general_form,
        general_request,
    )
}


def tasks_of(category: str) -> list[Task]:
    """Return the tasks of one category."""
    return [task for task in TASKS.values() if task.category == category]


def verifier_of(task: str) -> Callable[[dict, str], bool] | None:
    """Return how answers to a task are compared, also a user's own; None where programs run."""
    if task == user_answers.USER_TASK:
        return user_answers.verify
    return None if task == user_answers.USER_CODE_TASK else TASKS[task].verify
