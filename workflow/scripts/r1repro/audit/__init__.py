# SPDX-License-Identifier: Apache-2.0
"""What every attempt consumed, what it cost, and what the paper says: no torch, no Snakemake."""
