# SPDX-License-Identifier: Apache-2.0
"""What the claims of config/claims.yaml are expected to come out as; for tests alone.

Known conflicts were found by hand, before any verdict was computed. Every other arithmetic or
cross-table claim is expected to be confirmed, every other physical one to be plausible.
"""

CONFLICTS = """
cost-gap-four-days-80h
cost-hours-window-r1
cost-model-size
cost-preparatory-model-missing
cost-r1-column-scope
cost-r1-four-days
cost-unrounded-r1-zero-usd
cost-unrounded-usd
data-code-count
data-code-tests
data-general-count
data-rl-total-with-extras
data-sft-general-count
results-aime-standard-error
results-arena-date
results-consensus-label
results-curve-against-text
results-distill-7b-against-gpt4o
results-first-model-beats-final
results-ifeval-below-base
results-missing-benchmark
results-r1-zero-between-versions
results-readme-cells
results-readme-qwq
results-stage4-alpaca
results-stage4-arena
safety-illegal-content
safety-jailbreak-text-rejection
safety-jailbreak-text-unsafe
safety-language-grid
safety-rejection-pair-swapped
train-cap-against-evaluation
train-clip-missing-for-r1-zero
train-epochs-against-prompts
train-epochs-from-reasoning-prompts
train-sft-epochs-between-versions
""".split()
IMPLAUSIBLE = """
phys-long-output-time
phys-open-stack-extrapolation
phys-tail-at-production-speed
""".split()
PRESS_ERRORS = """
press-29-million
press-5m-for-r1
press-648-gpus
press-710-as-nature
press-867-as-pass1
press-market-fall-date
press-semianalysis-capex
press-single-80h-run
press-preference-data
""".split()
KNOWN = 47  # conflicts in all, and one label that only a cell with text can show
# by the cost model's table, which is not there without a run
FROM_A_RUN = """
phys-bounds-below-reported
phys-distribution-holds-reported
phys-model-brackets-anchors
phys-model-predicts-measured
""".split()
# exact arithmetic, no run is needed
WITHOUT_A_RUN = ["mech-group-advantage", "mech-kl-estimator"]


def expected_verdict(name: str, kind: str) -> str:
    """Return the verdict that a claim must have when no run is given."""
    for verdict, names in (
        ("conflict", CONFLICTS),
        ("implausible", IMPLAUSIBLE),
        ("press_error", PRESS_ERRORS),
        ("inconclusive", FROM_A_RUN),
        ("supported", WITHOUT_A_RUN),
    ):
        if name in names:
            return verdict
    return {
        "arithmetic": "confirmed",
        "cross-table": "confirmed",
        "physical": "plausible",
        "mechanism": "inconclusive",
        "full-scale-only": "full_scale_only",
    }[kind]
