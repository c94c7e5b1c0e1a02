# SPDX-License-Identifier: Apache-2.0
"""Put the RO-Crate 1.1 context into roc-validator's HTTP cache, so that it needs no network.

The context is the file that the `rocrate` package carries; nothing is fetched.
Usage    python ro_crate_cache.py CACHE     (in the environment of roc-validator)
"""

import io
import sys
from pathlib import Path

import requests
import rocrate
from requests_cache import CachedSession
from urllib3 import HTTPResponse

URL = "https://w3id.org/ro/crate/1.1/context"


def main(cache: str) -> None:
    """Store one response for the context's address."""
    content = (Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_bytes()
    headers = {"Content-Type": "application/ld+json"}
    response = requests.Response()
    response.status_code, response.url, response._content = 200, URL, content
    response.headers.update(headers)
    response.request = requests.Request("GET", URL).prepare()
    response.raw = HTTPResponse(
        body=io.BytesIO(content), headers=headers, status=200, preload_content=False
    )
    CachedSession(cache_name=cache, backend="sqlite", expire_after=-1).cache.save_response(response)


if __name__ == "__main__":
    main(sys.argv[1])
