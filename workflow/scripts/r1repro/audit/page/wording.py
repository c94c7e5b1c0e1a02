# SPDX-License-Identifier: Apache-2.0
"""Numbers as text, the same way in every place: the filters of the templates.

Non-breaking spaces keep a number and its unit on one line of the page; `plain` takes them out
again for the terminal.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import wraps

from r1repro.audit.page.tables import UNKNOWN

THIN = "\u202f"  # narrow no-break space, between a number and its unit
MINUS = "\u2212"
SPELLED = {
    THIN: " ",
    "\u00a0": " ",
    MINUS: "-",
    "\u00d7": "x",
    "\u2192": "->",
    "\u2013": "-",
    "\u2011": "-",
}
FILTERS: dict[str, Callable] = {}


def of_cell(write: Callable[..., str]) -> Callable[..., str]:
    """Make a filter that also takes a cell: text is a decimal, nothing is `absent`."""

    @wraps(write)
    def written(value, *options, absent: str = UNKNOWN) -> str:
        if value is None or value in ("", UNKNOWN):
            return absent
        return write(Decimal(value) if isinstance(value, str) else value, *options)

    FILTERS[write.__name__] = written
    return written


@of_cell
def fixed(number: float | Decimal, digits: int = 0) -> str:
    """Return a number with so many decimals and separators between thousands."""
    return f"{number:,.{digits}f}".replace("-", MINUS)


@of_cell
def points(share: float, digits: int = 1) -> str:
    """Return a share between 0 and 1 in percent, without the sign."""
    return f"{100 * share:.{digits}f}"


@of_cell
def percent(share: float, digits: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage."""
    return f"{100 * share:.{digits}f}{THIN}%"


@of_cell
def count(number: int | Decimal) -> str:
    """Return a whole number with separators between thousands."""
    return f"{round(number):,}".replace("-", MINUS)


@of_cell
def exact(number: Decimal) -> str:
    """Return a decimal with separators and without needless zeros."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@of_cell
def signed(number: Decimal) -> str:
    """Return a difference with its sign."""
    if number == 0:
        return "0"
    return ("+" if number > 0 else MINUS) + exact(abs(number))


@of_cell
def rounded(number: Decimal, digits: int) -> str:
    """Return a decimal rounded half up to so many digits."""
    return f"{number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP):,f}"


@of_cell
def significant(number: Decimal, digits: int = 3) -> str:
    """Return a decimal with at least so many significant digits and at least two decimals."""
    if number == 0:
        return "0"
    places = max(2, digits - 1 - number.adjusted())
    return rounded(number, min(places, 9))


@of_cell
def p_value(number: float) -> str:
    """Return a p-value."""
    return "< 0.001" if number < 0.001 else f"{number:.3f}"


@of_cell
def three_digits(number: Decimal) -> str:
    """Return a number with the digits that a band deserves."""
    return f"{float(f'{number:.3g}'):,.0f}"


@of_cell
def hundreds(number: float) -> str:
    """Return GPU-hours as the digits of a band deserve: whole hundreds."""
    return f"{round(number, -2):,.0f}"


def moment(time_utc: str) -> str:
    """Return an ISO time to the second, readable."""
    return time_utc[: len("2026-01-31T23:59:59")].replace("T", " ")


@of_cell
def duration(seconds: float) -> str:
    """Return a time span as people say it: seconds, minutes or hours."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{THIN}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest:02d}{THIN}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{THIN}h {minutes:02d}{THIN}min"


@of_cell
def size(number: int) -> str:
    """Return a number of bytes in decimal units."""
    for unit, divisor in (("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9)):
        if number < 1000 * divisor:
            return f"{number / divisor:.{int(divisor > 1)}f}{THIN}{unit}"
    return f"{number / 10**12:.1f}{THIN}TB"


def interval(low: float, high: float, scale: float = 1) -> str:
    """Return the ends of an interval; a scale of 100 gives shares in percent."""
    return f"[{scale * low:.1f}, {scale * high:.1f}]"


def ends(row: Mapping, column: str, digits: int = 0) -> str:
    """Return the lower and the upper end of a range, one number where they are equal."""
    low, high = (fixed(row[f"{column}_{end}"], digits) for end in ("low", "high"))
    if UNKNOWN in (low, high):
        return UNKNOWN
    return low if low == high else f"{low} \u2013 {high}"


def words(name: str) -> str:
    """Return a name as words."""
    return name.replace("_", " ")


def product(formula: str) -> str:
    """Return a formula with the sign of multiplication."""
    return formula.replace(" x ", " \u00d7 ")


def named(name: str, table: dict[str, str]) -> str:
    """Return how a table calls a name, or the name itself."""
    return table.get(name, name)


FILTERS |= {"ends": ends, "moment": moment, "words": words, "product": product, "named": named}


def plain(text: str) -> str:
    """Return text for a terminal: printable ASCII only, anything else as a question mark."""
    for fancy, ascii_text in SPELLED.items():
        text = text.replace(fancy, ascii_text)
    return "".join(c if " " <= c <= "~" else "?" for c in text)
