# SPDX-License-Identifier: Apache-2.0
"""The records of a run in the formats that auditors' own tools read, one format a module.

billed        what the formats share: each attempt with its purpose, price, quantity and cost
record_files  the lines and the SHA-256 of the attempt records themselves
focus         FOCUS 1.2 CSV, one row an attempt billed
mlperf        MLPerf log of each RL stage
ro_crate      Workflow Run RO-Crate 0.5
in_toto       one in-toto statement a stage
attempts      all attempts as CSV and Parquet
checks        exact checks of our own, for what the outside validators do not look at
outside       the outside validators, whose exit codes are never believed alone

Every export is derived and can be made again from attempt records, prices and tables. None holds a
value that was not recorded, and an unknown price stays unknown.
"""
