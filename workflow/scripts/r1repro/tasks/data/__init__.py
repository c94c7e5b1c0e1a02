# SPDX-License-Identifier: Apache-2.0
"""Data sets made from the tasks: splits, decontamination, corpus, user prompts, manifests."""
