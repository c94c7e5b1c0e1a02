# SPDX-License-Identifier: Apache-2.0
"""Numbers as text, the same way in every place.

Non-breaking spaces keep a number and its unit on one line of the page; `plain` takes them out
again for the terminal.
"""

from decimal import ROUND_HALF_UP, Decimal

THIN = "\u202f"  # narrow no-break space, between a number and its unit
MINUS = "\u2212"
TIMES = "\u00d7"
SPELLED = {
    THIN: " ",
    "\u00a0": " ",
    MINUS: "-",
    TIMES: "x",
    "\u2192": "->",
    "\u2013": "-",
    "\u2011": "-",
}


def percent(share: float, digits: int = 1) -> str:
    """Return a share between 0 and 1 as a percentage."""
    return f"{100 * share:.{digits}f}{THIN}%"


def percent_interval(low: float, high: float) -> str:
    """Return the ends of an interval of shares, in percent without the sign."""
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def interval(low: float, high: float, digits: int = 1) -> str:
    """Return the ends of an interval."""
    return f"[{low:.{digits}f}, {high:.{digits}f}]"


def count(number: int | Decimal) -> str:
    """Return a whole number with separators between thousands."""
    return f"{number:,}".replace("-", MINUS)


def signed(number: Decimal) -> str:
    """Return a difference with its sign."""
    if number == 0:
        return "0"
    sign = "+" if number > 0 else MINUS
    return sign + exact(abs(number))


def exact(number: Decimal) -> str:
    """Return a decimal with separators and without needless zeros."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{THIN}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest:02d}{THIN}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{THIN}h {minutes:02d}{THIN}min"


def size(number: int) -> str:
    """Return a number of bytes in decimal units."""
    if number < 1000:
        return f"{number}{THIN}B"
    for unit, divisor in (("kB", 10**3), ("MB", 10**6), ("GB", 10**9)):
        if number < 1000 * divisor:
            return f"{number / divisor:.1f}{THIN}{unit}"
    return f"{number / 10**12:.1f}{THIN}TB"


def plain(text: str) -> str:
    """Return text for a terminal: printable ASCII only, anything else as a question mark."""
    for fancy, ascii_text in SPELLED.items():
        text = text.replace(fancy, ascii_text)
    return "".join(c if " " <= c <= "~" else "?" for c in text)
