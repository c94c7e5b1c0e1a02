# SPDX-License-Identifier: Apache-2.0
"""Validate in-toto statements with the classes of the `in-toto-attestation` package.

Each file is parsed into the package's Statement and its predicate into Link or TestResult, by name
of every field: an unknown field is an error. Then the package's own validation runs.
Usage    python in_toto_inside.py FOLDER REPORT     (in the environment of in-toto-attestation)
"""

import json
import sys
from pathlib import Path

from google.protobuf import json_format
from in_toto_attestation.predicates.link.v0 import link_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

PREDICATES = {
    "https://in-toto.io/attestation/link/v0.3": link_pb2.Link,
    "https://in-toto.io/attestation/test-result/v0.1": test_result_pb2.TestResult,
}
RESULTS = ("PASSED", "WARNED", "FAILED")


def validate(text: str) -> None:
    """Raise json_format.ParseError or ValueError for what is no statement of a known kind."""
    parsed = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    if parsed.type != json.loads(text)["_type"]:
        raise ValueError("the type is not what the file says")
    if parsed.predicate_type not in PREDICATES:
        raise ValueError(f"unknown predicate {parsed.predicate_type}")
    predicate = PREDICATES[parsed.predicate_type]()
    json_format.ParseDict(json_format.MessageToDict(parsed.predicate), predicate)
    resources = predicate.materials if hasattr(predicate, "materials") else predicate.configuration
    for resource in resources:
        ResourceDescriptor.copy_from_pb(resource).validate()
        if not resource.digest:
            raise ValueError(f"{resource.name} has no digest")
    if hasattr(predicate, "result") and predicate.result not in RESULTS:
        raise ValueError(f"the result {predicate.result} is none of {RESULTS}")


def main(folder: str, report: str) -> int:
    """Write file -> error or null; return 1 if there is an error."""
    answers = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            validate(path.read_text(encoding="utf-8"))
            answers[path.name] = None
        except (json_format.Error, ValueError, KeyError, TypeError) as error:
            answers[path.name] = f"{type(error).__name__}: {error}"
    Path(report).write_text(json.dumps(answers), encoding="utf-8")
    return int(any(what is not None for what in answers.values()))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
