# SPDX-License-Identifier: Apache-2.0
"""The sentences of the page that do not depend on a result: scales, exclusions, how to rerun.

Source of what the paper leaves out: Nature 645, 633-638 (2025), Supplementary Information 2.4.4,
read against the rest of the paper.
"""

from r1repro.errors import SettingsError

HEADLINES = {
    "smoke": (
        "Smoke test: nothing here is the paper's model, or meant to be good",
        (
            "This scale only shows that every stage runs and that the files fit together. Its "
            "scores say nothing about the recipe."
        ),
    ),
    "mini": (
        "Miniature: nothing here is the paper's model",
        (
            "The recipe is the paper's, the scale is not: a small transformer trained from scratch "
            "on generated problems. A number on this page is about this miniature unless it is "
            "marked as the paper's."
        ),
    ),
    "node": (
        "One node: nothing here is the paper's model",
        (
            "The recipe is the paper's, the scale is not: one GPU node and a small base model. A "
            "number on this page is about this run unless it is marked as the paper's."
        ),
    ),
    "paper": (
        "Paper scale: the published settings, not the authors' run",
        (
            "The settings are the published ones, and where the paper is silent the choice is "
            "ours. A number on this page is about this run unless it is marked as the paper's."
        ),
    ),
}

OWN_BASE = (
    "Own base model: nothing here is the paper's model",
    (
        "The base is a checkpoint of the user's own, {name}, and was not trained here. A number on "
        "this page is about this run unless it is marked as the paper's."
    ),
)

EXCLUDED_FROM_PAPER = (
    "the base model DeepSeek-V3-Base (2,788K H800 hours by its own report)",
    "the preparatory experiments on A100 with a model of about 30B parameters: hours not reported",
    "failed and earlier runs, process-reward and tree-search trials",
    (
        "the training of the reward models, and of both supervised stages unless the R1 column "
        "holds them: not stated"
    ),
    "the six distilled models, the comparison runs at 32B and 7B, and the ablations",
    "evaluation, CPU verifiers, and nodes that were reserved but idle",
    "annotators and other staff, storage, network, and electricity beyond the rental price",
)

EXCLUDED_FROM_RUN = (
    (
        "the development of this artifact: earlier versions, trial runs, tests and continuous "
        "integration"
    ),
    (
        "setting up the environment (downloads, installation) and Snakemake's own start-up and "
        "idle time between stages"
    ),
    "making this page, and the seconds of a killed attempt after its last heartbeat",
    "buying, housing and administering the machine, and the people who ran it",
    "whatever is marked unknown above: it is counted there and added nowhere",
)

COMMANDS = (
    (
        "Everything, from a fresh clone (needs Python 3.11 or later, git and make):",
        "make reproduce",
    ),
    ("Everything, in an environment that is already there:", "snakemake"),
    (
        (
            "One stage and what follows from it, here the reinforcement learning; an interrupted "
            "stage continues from its last checkpoint:"
        ),
        "snakemake --forcerun r1_zero",
    ),
)

EXPECTATIONS = (
    "The expectations were written down before the run, for the miniature scale. PASS: the value "
    "and its whole 95\u202f% interval meet the expectation. WARN: the value meets it, the interval "
    "reaches past it. FAIL: the value misses it."
)
NO_EXPECTATIONS = (
    "Expectations were stated for the scale mini only; this run has scale {scale}, so nothing here "
    "passes or fails. The values are shown for orientation."
)
INTERVALS = (
    "All categories of the test split together. pass@1 is the mean over {samples} sampled answers "
    "to each of {prompts} questions; {consensus} takes the majority answer. Intervals are "
    "bootstraps over the questions: they carry the choice of questions, not the training seed. "
    "The interval of the length ratio is the widest that the two intervals of its parts allow."
)


def headline(scale: str, own_base: str | None = None) -> tuple[str, str]:
    """Return the headline of a scale, or of a base of the user's own, and the sentence below it.

    Raises SettingsError for a scale without one: a page must not leave its scale unsaid.
    """
    if scale not in HEADLINES:
        raise SettingsError(
            f"the scale {scale!r} has no headline on the page; set scale to one of "
            f"{', '.join(HEADLINES)}"
        )
    if own_base is not None:
        return OWN_BASE[0], OWN_BASE[1].format(name=own_base)
    return HEADLINES[scale]
