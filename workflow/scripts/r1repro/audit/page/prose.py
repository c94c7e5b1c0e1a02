# SPDX-License-Identifier: Apache-2.0
"""The sentences of the page around its results: scales, what was run, exclusions, how to rerun.

Source of what the paper leaves out: Nature 645, 633-638 (2025), Supplementary Information 2.4.4,
read against the rest of the paper.
"""

from r1repro.audit.page.scores import CATEGORY_NAMES
from r1repro.audit.page.wording import count
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

ANSWER = (
    "Verdicts on experiments rest on the published seeds of the miniature; this run (scale "
    "{scale}, seed {seed}) is placed beside them. They say whether a mechanism works at that "
    "scale, not that the paper's model has it."
)
HEADLINE = (
    "A verdict names what it is about: whether the source agrees with itself, whether the cost "
    "model finds the figure possible, whether our experiment agrees. Bars are 95\u202f% intervals "
    "over seeds, the thin line is no effect, the tick is this run."
)
CLAIMS = (
    "No verdict is typed in. Each check names a change that would turn it: of one input, or of "
    "every seed's effect. An experiment is judged by one-sided t tests over seeds at 2.5\u202f%, "
    "against thresholds of config/claims.yaml that were set when the published seeds were known; "
    "support of headline claims is adjusted together (Holm). Too small: it exists, but is smaller "
    "than the smallest effect of interest."
)


def what_was_run(evidence) -> str:
    """Say in a few sentences what was made, trained and scored (evidence: inputs.Evidence)."""
    zero, scoring = evidence.settings["r1_zero"], evidence.settings["evaluate"]
    questions = evidence.scores.get("r1_zero", "all", "pass@1").prompts
    names = evidence.scores.checkpoints()
    categories = [CATEGORY_NAMES.get(c, c) for c in evidence.data.categories()]
    categories = [c if c.isupper() else c.lower() for c in categories]
    base = "pretrained a base model on worked solutions"
    if evidence.own_base is not None:
        base = f"took {evidence.own_base} as its base model"
    return (
        f"This run made its problems ({', '.join(categories)}), {base}, "
        "fine-tuned dev1 from it, and trained r1_zero from the base "
        f"by reinforcement learning alone: GRPO, {count(zero['updates'])} policy updates of "
        f"{count(zero['questions_per_update'])} questions \u00d7 {zero['group_size']} answers. "
        f"{_further_stages(names)}"
        f"Then {', '.join(names[:-1])} and {names[-1]} answered {count(questions)} test questions "
        f"{scoring['samples']} times each."
    )


def _further_stages(names: list[str]) -> str:
    """Say what else was trained, as far as it was scored."""
    text = ""
    if "r1" in names:
        text += (
            "The path to r1: dev2 is dev1 after RL with a language reward, dev3 the base "
            "fine-tuned on what was kept of dev2's samples and on general data, r1 is dev3 after a "
            "second RL stage. "
        )
    small = [name for name in ("pilot", "distill", "small_zero") if name in names]
    if small:
        text += f"From a smaller base came {', '.join(small)}. "
    return text


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


def ledger(size: int, root: str) -> str:
    """Say what the bill rests on and how anyone checks it."""
    return (
        f"{count(size)} lines under the root {root}; check it with python "
        "workflow/scripts/audit.py verify on the folder of results"
    )
