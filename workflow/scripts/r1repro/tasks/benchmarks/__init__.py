# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of others: their files, their questions as prompts, and the judge of their answers."""
