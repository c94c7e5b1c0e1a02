# SPDX-License-Identifier: Apache-2.0
"""Exact checks of the exports: what the outside validators let pass.

Each check returns sentences, one a finding, and an empty list when all holds. They read the export
and the attempt records; with what writes the exports they share the names of columns and the reader
of records, not the arithmetic, so that a fault there is not repeated here.
"""
