# SPDX-License-Identifier: Apache-2.0
"""Evaluate the small arithmetic of config/claims.yaml by an own walk over its syntax tree.

Allowed   numbers, texts, names, lists, + - * / // % **, comparisons (chained, `in`), and or not,
          indices and slices by whole numbers, one-line list comprehensions, and the functions
          abs all any ceil floor len max min round sqrt sum zip with plain arguments.
Never     attributes, keywords, lambdas, f-strings, assignments or any other function: a node that
          is not listed is refused before anything is computed. Nothing is compiled or run.
Limits    characters, nodes and depth of a text; size of exponents, numbers and lists; steps of one
          evaluation. Every number must stay finite.
Choices   Numbers are binary floating point, as Python reads them: a sum of printed decimals can
          miss its last place, so claims about decimals carry a tolerance and say why. `zip`
          refuses lists of different lengths. True and False do not count as numbers.
"""

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping

from r1repro.errors import StageError

LONGEST = 600
MOST_NODES = 250
DEEPEST = 25
MOST_STEPS = 20_000
MOST_ITEMS = 1_000
LARGEST = 1e40
LARGEST_EXPONENT = 16
MOST_PLACES = 15
LONGEST_TEXT = 200

Value = int | float | bool | str | list

ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
ORDER = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
EQUALITY = {ast.Eq: operator.eq, ast.NotEq: operator.ne}
MEMBERSHIP = (ast.In, ast.NotIn)
NODES = (
    ast.Expression, ast.Constant, ast.Name, ast.Load, ast.Store, ast.BinOp, ast.UnaryOp, ast.USub,
    ast.UAdd, ast.Not, ast.Compare, ast.BoolOp, ast.And, ast.Or, ast.Call, ast.List, ast.Tuple,
    ast.ListComp, ast.comprehension, ast.Subscript, ast.Slice,
    *ARITHMETIC, *ORDER, *EQUALITY, *MEMBERSHIP,
)  # fmt: skip


class ExpressionError(StageError):
    """An expression is not of the allowed kind, or it has no value."""


def is_number(value: object) -> bool:
    """Say whether a value is an int or a float; True and False are neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Value) -> int | float:
    if not is_number(value):
        raise ExpressionError(f"{_shown(value)} is not a number")
    # compared as it is: a huge whole number has no floating-point form
    if not -LARGEST <= value <= LARGEST:
        raise ExpressionError(f"a number beyond {LARGEST:g}, or none, comes out")
    return value


def _numbers(value: Value) -> list:
    if not isinstance(value, list):
        raise ExpressionError(f"{_shown(value)} is not a list of numbers")
    return [_number(item) for item in value]


def _list(value: Value) -> list:
    if not isinstance(value, list):
        raise ExpressionError(f"{_shown(value)} is not a list")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _extreme(choose: Callable) -> Callable:
    def function(*values: Value) -> int | float:
        items = values[0] if len(values) == 1 else list(values)
        if not _numbers(items):
            raise ExpressionError("the smallest or largest of nothing")
        return choose(items)

    return function


def _round(value: Value, places: Value = 0) -> int | float:
    if not isinstance(places, int) or abs(places) > MOST_PLACES:
        raise ExpressionError(f"round to {_shown(places)} places")
    return round(_number(value), places) if places else round(_number(value))


def _zip(*lists: Value) -> list:
    columns = [_list(item) for item in lists]
    if len({len(column) for column in columns}) != 1:
        raise ExpressionError(f"zip of lists of {[len(c) for c in columns]} items")
    return [list(row) for row in zip(*columns, strict=True)]


FUNCTIONS: dict[str, Callable] = {
    "abs": lambda value: abs(_number(value)),
    "all": lambda items: all(_truth(item) for item in _list(items)),
    "any": lambda items: any(_truth(item) for item in _list(items)),
    "ceil": lambda value: math.ceil(_number(value)),
    "floor": lambda value: math.floor(_number(value)),
    "len": lambda items: len(_list(items)),
    "max": _extreme(max),
    "min": _extreme(min),
    "round": _round,
    "sqrt": lambda value: math.sqrt(_number(value)),
    "sum": lambda items: sum(_numbers(items)),
    "zip": _zip,
}


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"{_shown(value)} is neither true nor false")
    return value


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> ast.expr:
    """Return the checked syntax tree of a text; raises ExpressionError."""
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise ExpressionError(f"an expression must be a text of 1 to {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ExpressionError(f"{_shown(text)} is not an expression") from error
    _check(tree)
    return tree.body


def _check(tree: ast.Expression) -> None:
    """Refuse everything that is not listed at the top; raises ExpressionError."""
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > MOST_NODES or depth > DEEPEST:
            raise ExpressionError("the expression is too long or too deeply nested")
        if not isinstance(node, NODES):
            raise ExpressionError(f"{type(node).__name__} is not allowed in an expression")
        _check_node(node)
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


def _check_node(node: ast.AST) -> None:
    match node:
        case ast.Constant(value=value):
            if isinstance(value, str):
                if len(value) > LONGEST_TEXT:
                    raise ExpressionError("a text in the expression is too long")
            else:
                _number(value)
        case ast.Call(func=function, keywords=keywords):
            if not isinstance(function, ast.Name) or function.id not in FUNCTIONS or keywords:
                allowed = ", ".join(FUNCTIONS)
                raise ExpressionError(f"only {allowed} can be called, with plain arguments")
        case ast.Name(id=name):
            if name.startswith("_"):
                raise ExpressionError(f"a name must not begin with an underscore: {name}")
        case ast.ListComp(generators=generators):
            if len(generators) != 1 or generators[0].is_async:
                raise ExpressionError("a comprehension has one `for`")
            _targets(generators[0].target)


def _targets(node: ast.expr) -> list[str]:
    """Return the names a comprehension binds: one, or several in a row."""
    items = node.elts if isinstance(node, ast.Tuple) else [node]
    if not all(isinstance(item, ast.Name) and item.id not in FUNCTIONS for item in items):
        raise ExpressionError("a comprehension binds plain names")
    return [item.id for item in items]


def free_names(text: str) -> set[str]:
    """Return the names an expression needs from outside; raises ExpressionError."""
    return _free(parse(text))


def _free(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Call):
        return set().union(*map(_free, node.args))
    if isinstance(node, ast.ListComp):
        loop = node.generators[0]
        inner = _free(node.elt).union(*map(_free, loop.ifs))
        return _free(loop.iter) | (inner - set(_targets(loop.target)))
    return set().union(*map(_free, ast.iter_child_nodes(node)))


class _Walk:
    """One evaluation: the names it may read and the steps it has left."""

    def __init__(self, names: Mapping[str, Value]):
        self.names, self.steps = dict(names), MOST_STEPS

    def value(self, node: ast.expr) -> Value:
        self.steps -= 1
        if self.steps < 0:
            raise ExpressionError(f"the expression takes more than {MOST_STEPS} steps")
        return getattr(self, f"_{type(node).__name__.lower()}")(node)

    def _constant(self, node: ast.Constant) -> Value:
        return node.value

    def _name(self, node: ast.Name) -> Value:
        if node.id not in self.names:
            raise ExpressionError(f"nothing is named {node.id}")
        return self.names[node.id]

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = _number(self.value(node.left)), _number(self.value(node.right))
        if isinstance(node.op, ast.Pow) and abs(right) > LARGEST_EXPONENT:
            raise ExpressionError(f"an exponent beyond {LARGEST_EXPONENT}")
        return _number(ARITHMETIC[type(node.op)](left, right))

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            return not _truth(value)
        return -_number(value) if isinstance(node.op, ast.USub) else _number(value)

    def _boolop(self, node: ast.BoolOp) -> bool:
        parts = (_truth(self.value(part)) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)

    def _compare(self, node: ast.Compare) -> bool:
        left = self.value(node.left)
        for sign, item in zip(node.ops, node.comparators, strict=True):
            right = self.value(item)
            if not _compared(type(sign), left, right):
                return False
            left = right
        return True

    def _list(self, node: ast.List) -> list:
        return [self.value(item) for item in node.elts]

    def _subscript(self, node: ast.Subscript) -> Value:
        items = _list(self.value(node.value))
        if isinstance(node.slice, ast.Slice):
            cut = (node.slice.lower, node.slice.upper, node.slice.step)
            return items[slice(*(None if part is None else self._whole(part) for part in cut))]
        return items[self._whole(node.slice)]

    def _whole(self, node: ast.expr) -> int:
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ExpressionError(f"{_shown(value)} is no place in a list")
        return value

    def _call(self, node: ast.Call) -> Value:
        value = FUNCTIONS[node.func.id](*(self.value(item) for item in node.args))
        return _number(value) if is_number(value) else value

    def _listcomp(self, node: ast.ListComp) -> list:
        loop, found, outer = node.generators[0], [], dict(self.names)
        names = _targets(loop.target)
        items = _list(self.value(loop.iter))
        if len(items) > MOST_ITEMS:
            raise ExpressionError(f"a list of more than {MOST_ITEMS} items")
        for item in items:
            parts = _list(item) if isinstance(loop.target, ast.Tuple) else [item]
            if len(parts) != len(names):
                raise ExpressionError(f"{len(parts)} values for {len(names)} names")
            self.names.update(zip(names, parts, strict=True))
            if all(_truth(self.value(condition)) for condition in loop.ifs):
                found.append(self.value(node.elt))
        self.names = outer
        return found

    def _tuple(self, node: ast.Tuple) -> list:
        raise ExpressionError("write a list with square brackets")


def _compared(sign: type, left: Value, right: Value) -> bool:
    if sign in ORDER:
        return ORDER[sign](_number(left), _number(right))
    if sign in MEMBERSHIP:
        return (left in _list(right)) == (sign is ast.In)
    same = is_number(left) and is_number(right) or type(left) is type(right)
    if not same:
        raise ExpressionError(f"{_shown(left)} and {_shown(right)} are of different kinds")
    return EQUALITY[sign](left, right)


def evaluate(text: str, names: Mapping[str, Value]) -> Value:
    """Return the value of an expression over named values.

    Raises ExpressionError for what is not allowed, for unknown names and where there is no value
    (a division by zero, an index outside a list, a number that is not finite).
    """
    try:
        return _Walk(names).value(parse(text))
    except (ArithmeticError, ValueError, TypeError, IndexError, RecursionError) as error:
        raise ExpressionError(f"{_shown(text)} has no value: {error}") from error
