# SPDX-License-Identifier: Apache-2.0
"""Numbers as text, the same way in every place: the filters of the templates.

Non-breaking spaces keep a number and its unit on one line of the page; `plain` takes them out
again for the terminal.
"""

from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from r1repro.audit.page.tables import UNKNOWN

THIN = "\u202f"  # narrow no-break space, between a number and its unit
MINUS = "\u2212"
SPELLED = {THIN: " ", "\u00a0": " ", MINUS: "-", "\u00d7": "x", "\u2192": "->"}
SPELLED |= {"\u2013": "-", "\u2011": "-"}


def exact(number: Decimal) -> str:
    """Return a decimal with separators and without needless zeros."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed(number: Decimal) -> str:
    """Return a difference with its sign."""
    return f"+{exact(number)}" if number > 0 else exact(number)


def rounded(number: Decimal, digits: int) -> str:
    """Return a decimal rounded half up to so many digits."""
    return f"{number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP):,f}"


def significant(number: Decimal, digits: int = 3) -> str:
    """Return a decimal with at least so many significant digits and at least two decimals."""
    if number == 0:
        return "0"
    places = max(2, digits - 1 - number.adjusted())
    return rounded(number, min(places, 9))


def duration(seconds: float) -> str:
    """Return a time span as people say it: seconds, minutes or hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours}{THIN}h {left:02d}{THIN}min"
    return f"{minutes}{THIN}min {rest:02d}{THIN}s" if minutes else f"{rest}{THIN}s"


def size(number: int) -> str:
    """Return a number of bytes in decimal units."""
    for unit, divisor in (("B", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9)):
        if number < 1000 * divisor:
            return f"{number / divisor:.{int(divisor > 1)}f}{THIN}{unit}"
    return f"{number / 10**12:.1f}{THIN}TB"


NUMBERS: dict[str, Callable[..., str]] = {
    "exact": exact,
    "signed": signed,
    "rounded": rounded,
    "significant": significant,
    "duration": duration,
    "size": size,
    "count": lambda number: f"{round(number):,}",
    "fixed": lambda number, digits=0: f"{number:,.{digits}f}",
    "decimals": lambda number, digits: f"{number:.{digits}f}",  # without separators
    "points": lambda share, digits=1: f"{100 * share:.{digits}f}",  # percent without the sign
    "percent": lambda share, digits=1: f"{100 * share:.{digits}f}{THIN}%",
    "p_value": lambda number: "< 0.001" if number < 0.001 else f"{number:.3f}",
    # the digits that a band deserves: three, or whole hundreds
    "three_digits": lambda number: f"{float(f'{number:.3g}'):,.0f}",
    "hundreds": lambda number: f"{round(number, -2):,.0f}",
}


def of_cell(write: Callable[..., str]) -> Callable[..., str]:
    """Make a filter that takes a number or a cell, and writes `absent` where there is nothing."""

    def written(value, *options, absent: str = UNKNOWN) -> str:
        if value is None or value in ("", UNKNOWN):
            return absent
        number = Decimal(value) if isinstance(value, str) else value
        return write(number, *options).replace("-", MINUS)

    return written


def interval(low: float, high: float, scale: float = 1) -> str:
    """Return the ends of an interval; a scale of 100 gives shares in percent."""
    return f"[{scale * low:.1f}, {scale * high:.1f}]"


def ends(row: Mapping[str, str], column: str, digits: int = 0) -> str:
    """Return the lower and the upper end of a range, one number where they are equal."""
    low, high = (FILTERS["fixed"](row[f"{column}_{end}"], digits) for end in ("low", "high"))
    if UNKNOWN in (low, high):
        return UNKNOWN
    return low if low == high else f"{low} \u2013 {high}"


# beside the numbers: a name as words, a formula with its sign, what a table calls a name, counts in
# the order of names, a time to the second
FILTERS = {name: of_cell(write) for name, write in NUMBERS.items()} | {
    "ends": ends,
    "words": lambda name: name.replace("_", " "),
    "product": lambda formula: formula.replace(" x ", " \u00d7 "),
    "named": lambda name, table: table.get(name, name),
    "counts_of": lambda counts, names: [counts.get(name, 0) for name in names],
    "moment": lambda time_utc: time_utc[: len("2026-01-31T23:59:59")].replace("T", " "),
}


def plain(text: str) -> str:
    """Return text for a terminal: printable ASCII only, anything else as a question mark."""
    text = text.translate(str.maketrans(SPELLED))
    return "".join(c if " " <= c <= "~" else "?" for c in text)
