# SPDX-License-Identifier: Apache-2.0
"""Rows of the hand-made tables of claims, ladder and recipe, for the tests of the page."""

from r1repro.audit.claims.rows import COLUMNS

HOSTILE_CLAIM = (
    "</td></tr></table><script>document.title='taken'</script>"
    "<img src=http://evil.example/c onerror=alert(2)>\u202e &amp; {{ 6*7 }}"
)
CLAIM_HEADER = list(COLUMNS)
SCORES = "results/evaluate/scores.csv: r1_zero all pass@1"
PAPER_COST = "results/cost/paper_cost.csv printed_cell; 64 x 8"


def claim_row(claim, tier, area, agrees_with, verdict, what="", check=1, **cells):
    """Return a row of claims.csv; cells that are not named are empty."""
    named = {
        "claim": claim, "check": check, "tier": tier, "area": area, "speaker": "paper",
        "agrees_with": agrees_with, "verdict": verdict, "what": what,
    }  # fmt: skip
    return [(named | cells).get(column, "") for column in COLUMNS]


def measured(mean, low, high, **cells):
    """Return the cells of an experiment over three seeds."""
    seeds = {"seeds": "1, 2, 3", "power": "0.84", "seeds_needed": 3, "turned_by": "no effect"}
    return {"obtained": mean, "ci_low": low, "ci_high": high, "unit": "share"} | seeds | cells


ARITHMETIC = {"turned_by": "nodes x 2", "unit": "GPU-hours"}
HOURS = ARITHMETIC | {"reported": "41000", "obtained": "49152", "gap_percent": "+20"}
CLAIM_ROWS = [
    claim_row("rl-alone", "headline", "results", "experiment", "supported", "gain",
              evidence=f"{SCORES}; results/rl/r1_zero/curve.csv", note="three seeds",
              **measured("0.5304166666", "0.48", "0.58", this_run="0.53",
                         this_run_is="the same as seed 1")),
    claim_row("voting-adds", "headline", "results", "experiment", "contradicted", "vote",
              evidence=SCORES, **measured("-0.02", "-0.05", "0.01", this_run_is="not run")),
    claim_row("reflection", "headline", "results", "nothing", "not testable here",
              note="none in the corpus"),
    claim_row("gpu-hours", "headline", "cost", "paper", "consistent", "512*80 against cell",
              evidence=PAPER_COST, reported="41000", obtained="40960", **ARITHMETIC),
    claim_row("gpu-hours", "headline", "cost", "paper", "inconsistent", "512*96 against cell", 2,
              evidence="results/cost/paper_cost.csv r1_four_days", gap_is="contradiction",
              note="4 days means 49,152 GPU-hours", **HOURS),
    claim_row("gpu-hours", "headline", "cost", "world", "plausible", "hours of the cost model", 3,
              reported="101000", obtained="90123.4", ci_low="40000", ci_high="200000"),
    claim_row("press-648", "number", "cost", "paper", "inconsistent", "648*198", speaker="press",
              reported="101000", obtained="128304", gap_percent="+27", gap_is="misquotation",
              evidence="results/published/nature/r1_zero_curve.csv", **ARITHMETIC),
    claim_row("language", "finding", "training", "experiment", "undecided", "language",
              evidence="results/controls/gone/metrics.csv", note="the control did not run"),
    claim_row("phys-no", "finding", "training", "world", "implausible", "updates",
              reported="1", obtained="2000000"),
    claim_row("Odd <id>", "number", "safety", "paper", "consistent", HOSTILE_CLAIM,
              reported=HOSTILE_CLAIM, obtained="1", evidence=HOSTILE_CLAIM, note=HOSTILE_CLAIM),
    claim_row("Odd <id>", "number", "safety", "paper", "consistent", "outside", 2,
              evidence="../../outside.csv; results/../../x.csv"),
]  # fmt: skip
CLAIM_NAMES = list(dict.fromkeys(row[0] for row in CLAIM_ROWS))


def claims_with(column, value):
    """Return the names of the claims that have a value in a column of one of their rows."""
    place = CLAIM_HEADER.index(column)
    return list(dict.fromkeys(row[0] for row in CLAIM_ROWS if row[place] == value))


LADDER_HEADER = "benchmark,paper_rows,metric,unit,checkpoint,value,ci_low,ci_high,n".split(",")
STEPS = ("r1_zero", "dev1", "dev2", "dev3", "r1")
LADDER_ROWS = [
    [name, rows, metric, unit, step, value, value - spread, value + spread, 48]
    for name, rows, metric, unit, spread, values in (
        ("math", "AIME 2024; MATH-500", "pass@1", "share", 0.02, (0.74, 0.55, 0.7, 0.71, 0.8)),
        ("form", "IF-Eval", "form_rate", "share", 0.03, (0.3, 0.6, 0.6, 0.8, 0.9)),
        (
            "length",
            "none in Table 2 (Fig. 1 b)",
            "mean_length",
            "tokens",
            1.0,
            (48.0, 41.0, 44.0, 43.5, 47.25),
        ),
    )
    for step, value in zip(STEPS, values, strict=True)
]
LADDER_ROWS += [
    ["refusal", "none in Table 2", "refusal_unsafe", "share", s, "", "", "", 0] for s in STEPS
]
TEST_HEADER = (
    "benchmark,lower,upper,test,difference,ci_low,ci_high,p_value,p_holm,significant".split(",")
)
TEST_ROWS = [
    ["math", "r1_zero", "dev1", "bootstrap", -0.19, -0.25, -0.12, 0.0004, 0.002, "yes"],
    ["math", "dev1", "dev2", "bootstrap", 0.15, 0.08, 0.22, 0.001, 0.005, "yes"],
    ["math", "dev2", "dev3", "bootstrap", 0.01, -0.04, 0.06, 0.61, 1, "no"],
    ["math", "dev3", "r1", "mcnemar", 0.09, 0.03, 0.15, 0.0012, 0.006, "yes"],
    ["form", "dev1", "dev2", "mcnemar", 0.0, -0.05, 0.05, 1, 1, "no"],
    ["refusal", "dev1", "dev2", "bootstrap", "", "", "", "", "", "no"],
]
TABLE2_HEADER = "benchmark,metric,r1_zero,dev1,dev2,dev3,r1,group,source,status".split(",")
TABLE2_ROWS = [
    ["IF-Eval", "prompt strict", 46.6, 71.7, 72.0, 78.1, 83.3, "english", "Table 2", "reported"],
    ["AIME 2024", "pass@1", 77.9, 59.0, 74.0, 78.1, 79.8, "math", "Table 2", "reported"],
    ["MATH-500", "pass@1", 95.9, 94.2, 95.9, 95.4, 97.3, "math", "Table 2", "reported"],
    ["C-Eval", "EM", 92.8, 85.7, 91.9, 86.4, 91.8, "chinese", "Table 2", "reported"],
]

ACCURACY_HEADER = "model,set,n,accuracy,ci_low,ci_high".split(",")
ACCURACY_ROWS = [
    ["rm_helpful", "heldout", 200, 0.915, 0.87, 0.95],
    ["rm_safety", "heldout", 150, 0.98, 0.95, 1.0],
]
STATISTICS_HEADER = "domain,samples,mean_rounds,mean_tokens".split(",")
STATISTICS_ROWS = [
    ["math", 700, 1, 41.5],
    ["code", 0, "", ""],
    ["general", 200, 1, 12.25],
    ["total", 900, 1, 35.0],
]
REJECTION_HEADER = ["reason", "count"]
REJECTION_ROWS = [["wrong", 240], ["duplicate", 60], ["kept", 700], ["sampled", 1000]]
PAPER_SFT_HEADER = "domain,samples,avg_rounds,avg_tokens,source,status".split(",")
PAPER_SFT_ROWS = [
    ["math", 395285, 1.0, 6094.2, "Supplementary Table 2", "reported"],
    ["total", 804745, 1.0, 5355.3, "Supplementary Table 2", "reported"],
]
