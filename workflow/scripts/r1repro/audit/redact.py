# SPDX-License-Identifier: Apache-2.0
"""Keep secrets out of records: no environment is ever dumped, and what slips into a text is cut.

An error message or a setting may quote a key (a URL with a token, a failed login). Values of
environment variables whose names speak of secrets are replaced wherever they appear.
"""

import os
import re
from collections.abc import Mapping

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|COOKIE", re.IGNORECASE)
SHORTEST_SECRET = 8
MARK = "[redacted]"


def secret_values(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the values to hide, longest first so that no part of one stays behind."""
    values = {
        value
        for name, value in environment.items()
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET
    }
    return sorted(values, key=len, reverse=True)


def redact(value: object, environment: Mapping[str, str] = os.environ) -> object:
    """Return the value with every secret in its texts replaced, also inside lists and mappings."""
    secrets = secret_values(environment)
    return _redact(value, secrets) if secrets else value


def _redact(value: object, secrets: list[str]) -> object:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MARK)
        return value
    if isinstance(value, Mapping):
        return {_redact(key, secrets): _redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, secrets) for item in value]
    return value
