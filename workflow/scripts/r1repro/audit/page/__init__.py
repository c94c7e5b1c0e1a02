# SPDX-License-Identifier: Apache-2.0
"""The page a reviewer opens and the summary the terminal ends with.

Everything here is a pure function of the tables that the stages wrote: the same files give the
same bytes, apart from times, hosts and what follows from them. No torch, no Snakemake, no network.

tables     checked reading of CSV, JSON and JSON lines     wording    numbers as text
claims     the verdicts of the claims                      ladder     R1-Zero to R1, and Table 2
scores     the evaluation table                            verdicts   measured against expected
drawing    matplotlib to accessible inline SVG             curves     learning curves of both
training   small multiples of the training metrics         answers    sample answers, made harmless
dataset    manifests and decontamination                   bill       the cost of this run
paper_bill the paper's cost, recomputed                    history    attempts, environment
recipe     pilot, reward models, SFT data                  prose      sentences around results
grids      tables for the template                         inputs     the files, read once
document   all of it as one HTML text                      summary    the same in 18 lines of ASCII
"""
