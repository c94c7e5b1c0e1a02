# SPDX-License-Identifier: Apache-2.0
"""The options that all training programs share, beside those of every stage program."""

import argparse
import json
from argparse import Namespace
from pathlib import Path

from r1repro.cli import stage_parser
from r1repro.errors import SettingsError

# The hardware that the paper used, and whether its cost table counts such stages.
PURPOSES = {"A100": "preparatory", "H800": "final"}


def training_parser(description: str, *paths: str, stages=None) -> argparse.ArgumentParser:
    """Return a parser with the stage's name, tracking, device and the required paths."""
    parser = stage_parser(description)
    parser.add_argument("--stage", choices=stages, required=True, help="name and settings section")
    parser.add_argument("--planned-device", choices=PURPOSES, required=True)
    parser.add_argument("--nodes", type=int, default=1, help="nodes that the GPUs are spread over")
    parser.add_argument("--tracking", type=json.loads, required=True)
    for name in ("--wandb", "--out-metrics", *paths):
        parser.add_argument(name, type=Path, required=True)
    return parser


def parse(parser: argparse.ArgumentParser) -> Namespace:
    """Parse the command line.

    Raises SettingsError when the settings have no section of the stage's name.
    """
    args = parser.parse_args()
    if args.stage not in args.settings:
        raise SettingsError(f"the settings of stage '{args.stage}' have no section of that name")
    args.purpose = PURPOSES[args.planned_device]
    return args
