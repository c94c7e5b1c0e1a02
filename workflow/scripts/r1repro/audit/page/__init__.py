# SPDX-License-Identifier: Apache-2.0
"""The page a reviewer opens and the summary the terminal ends with.

Everything here is a pure function of the tables that the stages wrote: the same files give the
same bytes, apart from times, hosts and what follows from them. No torch, no Snakemake, no network.

tables     checked reading of CSV, JSON and JSON lines     wording    numbers as text
scores     the evaluation table                            verdicts   measured against expected
drawing    matplotlib to accessible inline SVG             curves     learning curves, ours and theirs
training   small multiples of the training metrics         answers    sample answers, made harmless
dataset    manifests and decontamination                   bill       both cost tables
history    attempts, environment, machine                  document   all of it as one HTML text
summary    all of it as fifteen lines of ASCII
"""
