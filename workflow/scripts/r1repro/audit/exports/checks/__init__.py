# SPDX-License-Identifier: Apache-2.0
"""Exact checks of the exports: what the outside validators let pass.

Each check returns sentences, one a finding, and an empty list when all holds. They read the export
and the attempt records; they share no code with what writes the exports beyond names of columns,
so that a fault there is not repeated here.
"""
