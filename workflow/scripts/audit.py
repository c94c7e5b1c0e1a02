# SPDX-License-Identifier: Apache-2.0
"""Verify the records of a run with the standard library and pymerkle alone.

python workflow/scripts/audit.py verify DIR     exit 0: all holds; 1: a line a finding; 2: not run
python workflow/scripts/audit.py prove DIR N    the proof that line N is in the ledger, as JSON
"""

import argparse
import json
import re
import sys
from pathlib import Path

from r1repro.errors import StageError


def _root(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("a root is 64 hexadecimal digits")
    return text


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = cli.add_subparsers(dest="command", required=True)
    verify = commands.add_parser("verify", help="check a run, published evidence, or any folder")
    verify.add_argument("folder", type=Path)
    verify.add_argument("--json", action="store_true", help="findings as JSON")
    verify.add_argument("--root", type=_root, help="a root of the ledger published elsewhere")
    verify.add_argument("--sacct", type=Path, help="dump of Slurm's accounting (docs/auditor.md)")
    verify.add_argument("--allowed-signers", type=Path, help="keys that may sign, as of OpenSSH")
    prove = commands.add_parser("prove", help="print the proof that a line is in the ledger")
    prove.add_argument("folder", type=Path)
    prove.add_argument("line", type=int, help="number of the line, counted from 1")
    return cli


def _verify(args: argparse.Namespace) -> int:
    from r1repro.audit.verify.run import Options, verify

    report = verify(args.folder, Options(args.root, args.sacct, args.allowed_signers))
    sys.stdout.write(report.json() if args.json else report.text())
    return 1 if report.findings else 0


def _prove(args: argparse.Namespace) -> int:
    from r1repro.audit.ledger.prove import proof_of_line

    json.dump(proof_of_line(args.folder, args.line), sys.stdout, indent=2)
    print()
    return 0


def main() -> int:
    """Run one command; what cannot be run is one line and exit status 2."""
    args = parser().parse_args()
    try:
        return _verify(args) if args.command == "verify" else _prove(args)
    except (StageError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
