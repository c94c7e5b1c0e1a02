# SPDX-License-Identifier: Apache-2.0
"""Verify a run, published evidence or a folder someone sent: one check a file, one finding a line.

Needs the standard library and pymerkle; no torch, no Snakemake, no network, no setting.
"""
