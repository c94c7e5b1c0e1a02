# SPDX-License-Identifier: Apache-2.0
"""How often a checkpoint's helpful responses are preferred to the base's, by a held-out rule.

Source   stands for AlpacaEval 2.0 and ArenaHard, where a model judges pairs against a fixed
         reference. Here a rule that no reward model was trained on judges, so nothing is bought.
Choices  Sample n of a prompt is compared with sample n of the reference to the same prompt; a tie
         counts half, so the reference itself scores exactly 0.5. The interval is a percentile
         bootstrap over prompts; checkpoints share their resamples.
"""

from pathlib import Path

from r1repro.errors import InputError
from r1repro.files import each_of_jsonl
from r1repro.learn.resampling import bootstrap_interval

METRIC = "preference"
QUESTION_COLUMNS = ("checkpoint", "prompt_id", "samples", METRIC)
Utilities = dict[str, list[float]]


def read_utilities(path: Path) -> Utilities:
    """Return prompt id -> utilities by sample number, of the helpful prompts in samples.jsonl."""
    found: Utilities = {}
    for row in each_of_jsonl(path):
        if row["set"] != "helpful":
            continue
        utilities = found.setdefault(row["prompt_id"], [])
        if row["sample"] != len(utilities):
            raise InputError(
                f"{path}: sample {row['sample']} of {row['prompt_id']} stands where sample "
                f"{len(utilities)} belongs; make the file again with `snakemake --forcerun score`"
            )
        utilities.append(row["utility"])
    return found


def wins(mine: list[float], reference: list[float]) -> float:
    """Return the share of pairs that the first list wins, ties counting half."""
    pairs = list(zip(mine, reference, strict=True))
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


def preference_questions(checkpoint: str, mine: Utilities, reference: Utilities) -> list[dict]:
    """Return the lines of preference.csv: one a helpful prompt.

    Raises InputError when the two checkpoints did not answer the same prompts equally often.
    """
    sizes = [{prompt: len(values) for prompt, values in side.items()} for side in (mine, reference)]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"the samples of {checkpoint} and of its reference are of different prompts or "
            "numbers, so they cannot be paired; make both again with `snakemake --forcerun score`"
        )
    return [
        {
            "checkpoint": checkpoint,
            "prompt_id": prompt,
            "samples": len(utilities),
            METRIC: round(wins(utilities, reference[prompt]), 6),
        }
        for prompt, utilities in mine.items()
    ]


def preference_score(questions: list[dict], draws: int, seed: int) -> dict:
    """Return one checkpoint's row of scores.csv."""
    column = [question[METRIC] for question in questions]
    low, high = bootstrap_interval(column, draws, seed)
    return {
        "checkpoint": questions[0]["checkpoint"],
        "category": "general",
        "metric": METRIC,
        "k": questions[0]["samples"],
        "n_prompts": len(column),
        "value": round(sum(column) / len(column), 6),
        "ci_low": round(low, 6),
        "ci_high": round(high, 6),
        "seed": seed,
    }


def preference_tables(
    samples: dict[str, Path], reference: str, draws: int, seed: int
) -> tuple[list[dict], list[dict]]:
    """Return the lines of preference.csv and the rows of scores.csv of all checkpoints.

    samples  checkpoint -> samples.jsonl; where no prompt is helpful there is nothing to compare,
             and both are empty
    Raises InputError when the reference is not among the checkpoints or pairs do not match.
    """
    if reference not in samples:
        raise InputError(
            f"the reference '{reference}' is not among the checkpoints {', '.join(samples)}; "
            "evaluate it as well"
        )
    standard = read_utilities(samples[reference])
    questions, scores = [], []
    for checkpoint, path in samples.items():
        mine = preference_questions(checkpoint, read_utilities(path), standard)
        questions += mine
        if mine:
            scores.append(preference_score(mine, draws, seed))
    return questions, scores
