# SPDX-License-Identifier: Apache-2.0
"""Import once what Snakemake and the stages import, so that Python keeps the compiled form.

Compiling every installed module would take most of a minute; these are the ones that are used.
Where PYTHONDONTWRITEBYTECODE is set, nothing else would ever be kept and each stage would
compile torch anew. Snakemake reads the workflow once, which brings the modules of its plugins and
ours.

Usage    python envs/warm.py [MODULE ...]   further modules, as the tests import them
"""

import importlib
import subprocess
import sys

MODULES = (
    "snakemake.executors.local",
    "jsonschema",
    "yaml",
    "jinja2",
    "matplotlib.pyplot",
    "pandas",
    "pyarrow.parquet",
    "reasoning_gym",
    "safetensors.torch",
    "torch",
    "transformers.models.llama.modeling_llama",
    "wandb",
)

for name in (*MODULES, *sys.argv[1:]):
    importlib.import_module(name)
subprocess.run(
    [sys.executable, "-m", "snakemake", "--list-rules"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    check=False,  # whoever runs the workflow is told what is wrong with it
)
