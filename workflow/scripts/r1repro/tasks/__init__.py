# SPDX-License-Identifier: Apache-2.0
"""Worlds with a rule that says right or wrong: prompts, worked solutions, verifiers. No torch."""
