# SPDX-License-Identifier: Apache-2.0
"""The page a reviewer opens and the summary the terminal ends with.

Everything here is a pure function of the tables that the stages wrote: the same files give the
same bytes, apart from times, hosts and what follows from them. No torch, no Snakemake, no network.
Python reads, checks and counts; the wording, the tables and the charts are in workflow/report/.

tables, inputs   checked reading of CSV and JSON; every file, read once
wording, grids   numbers as text, and the one form of a table, for the templates
drawing, bars    matplotlib to accessible inline SVG: lines; ranges on a logarithmic axis
document, summary   the templates filled: one HTML text; the same in 18 lines of ASCII
claims, ladder, scores, answers, curves, training, recipe, dataset   what was found
bill, paper_bill, economics, calculator, plausibility   what it cost, and the paper's run
history, environments   the attempts
"""
