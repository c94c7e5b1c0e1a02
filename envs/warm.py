# SPDX-License-Identifier: Apache-2.0
"""Import once what the stages import, so that Python keeps the compiled form.

Compiling every installed module would take most of a minute; these are the ones that are used.
Where PYTHONDONTWRITEBYTECODE is set, nothing else would ever be kept and each stage would
compile torch anew.
"""

import importlib

MODULES = (
    "snakemake.cli",
    "snakemake.executors.local",
    "jsonschema",
    "yaml",
    "jinja2",
    "matplotlib.pyplot",
    "reasoning_gym",
    "safetensors.torch",
    "torch",
    "transformers.models.llama.modeling_llama",
    "wandb",
)

for name in MODULES:
    importlib.import_module(name)
