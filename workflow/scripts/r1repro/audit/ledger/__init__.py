# SPDX-License-Identifier: Apache-2.0
"""The ledger: every attempt of a run in one append-only file, hash-chained, under a Merkle root."""
