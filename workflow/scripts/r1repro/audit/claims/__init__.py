# SPDX-License-Identifier: Apache-2.0
"""A verdict for every claim: a pure function of claims, published tables and results of runs."""
