# SPDX-License-Identifier: Apache-2.0
"""Train a reward model: rm_helpful from pairs, rm_safety from single responses.

    pairwise   loss = -log sigmoid(s(chosen) - s(rejected))            (Bradley-Terry)
    pointwise  loss = -log sigmoid(s)  if safe, else -log sigmoid(-s)  (logistic)

Both are means over the pairs or responses of a batch.

Source   Nature Methods: pairwise loss on the final answer for the helpful model, pointwise loss on
         the whole response with its reasoning for the safety model; one epoch.
Choices  Which of a pair stands first is drawn anew for each pair, so that the place tells nothing;
         that lengths are balanced is up to the data. Held-out accuracy: an equal score counts half;
         the 95 % interval is a percentile bootstrap over pairs or responses.
"""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from r1repro.errors import InputError
from r1repro.files import read_jsonl, write_text_atomic
from r1repro.learn.checkpoint import load_model, load_tokenizer
from r1repro.learn.compute import Compute, open_compute
from r1repro.learn.evaluation import bootstrap_interval
from r1repro.learn.flop import scoring_flop
from r1repro.learn.gradients import accumulate
from r1repro.learn.packing import Rows, best_fit, lay_out, length_of, micro_batches
from r1repro.learn.parallel import World
from r1repro.learn.reward_model import (
    ScoredModel,
    Scorer,
    final_answer,
    read_at_the_end,
    save_reward_model,
    score_texts,
    texts_to_score,
    whole_response,
)
from r1repro.learn.setup import derive_rng, derive_seed, prepare_device
from r1repro.learn.supervised import MOST_LEFT_OUT, train_supervised
from r1repro.stage import TrainingRun
from r1repro.tables import csv_text


@dataclass(frozen=True)
class Example:
    """What one term of the loss is about.

    texts   token ids: two of a pair or one
    label   1: the first of the pair is the chosen one, or the response is safe; otherwise 0
    kind    a class whose accuracy is told apart
    """

    texts: list[list[int]]
    label: int
    kind: str


def pairwise_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Bradley-Terry per pair: scores (pairs, 2); label 1 where the first is the chosen one."""
    return F.binary_cross_entropy_with_logits(scores[:, 0] - scores[:, 1], labels, reduction="none")


def pointwise_loss(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logistic loss per response: scores (responses, 1); label 1 where it is safe."""
    return F.binary_cross_entropy_with_logits(scores[:, 0], labels, reduction="none")


def margin(scores: torch.Tensor) -> torch.Tensor:
    """Return what must be above 0 for label 1: a difference, or the score itself."""
    return scores[:, 0] - scores[:, 1] if scores.shape[1] == 2 else scores[:, 0]


class Judging:
    """The aim of a reward model: the mean loss over the examples of a batch."""

    def __init__(self, scorer: Scorer, examples: list[Example], compute: Compute, row_tokens: int):
        self.scorer, self.examples = scorer, examples
        self.compute, self.row_tokens = compute, row_tokens
        self.each = len(examples[0].texts)
        self.loss = pairwise_loss if self.each == 2 else pointwise_loss

    def refresh(self) -> None:
        """Take over the weights after they changed."""
        self.scorer.refresh()

    def flop(self, tokens: int) -> int:
        """FLOP of forward and backward pass."""
        return 3 * scoring_flop(self.scorer.config, tokens, self.row_tokens)

    def gradient(self, rows: Rows) -> dict[str, float]:
        """Set the gradient of a batch; return the loss and the share judged right."""
        compute, scorer = self.compute, self.scorer
        count = sum(map(len, rows)) // self.each
        passes = micro_batches(compute.world.share(rows), self.row_tokens, compute.tokens_per_pass)

        def loss_of(some: Rows) -> tuple[torch.Tensor, dict[str, float]]:
            packed = lay_out(some, self.row_tokens).to(scorer.device)
            # The texts of an example have neighbouring numbers and are in the same pass.
            owners, order = packed.owner.sort()
            scores = scorer.before(packed)[order].view(-1, self.each)
            chosen = owners.view(-1, self.each)[:, 0].tolist()
            labels = scores.new_tensor([self.examples[i // self.each].label for i in chosen])
            loss = self.loss(scores, labels).sum() / count
            right = ((margin(scores) > 0) == (labels > 0)).sum().item()
            return loss, {"loss": loss.item(), "right": right}

        figures = accumulate(scorer.working, passes, loss_of, compute.lanes, compute.world)
        return {
            "loss": sum(figure["loss"] for figure in figures),
            "accuracy": sum(figure["right"] for figure in figures) / count,
        }


# ---- data ---------------------------------------------------------------------------------------


def helpful_examples(rows: list[dict], tokenizer, seed: int, stage: str) -> list[Example]:
    """Return preference pairs in random order, of each response the final answer only."""
    questions = [row["prompt"] for row in rows]
    sides = [
        texts_to_score(tokenizer, questions, [final_answer(row[side]) for row in rows])
        for side in ("chosen", "rejected")
    ]
    examples = []
    for number, (chosen, rejected) in enumerate(zip(*sides, strict=True)):
        first = derive_rng(seed, stage, "side", number).randrange(2)
        texts = [chosen, rejected] if first else [rejected, chosen]
        kind = "chosen_longer" if len(chosen) > len(rejected) else "chosen_not_longer"
        examples.append(Example(texts, first, kind))
    return examples


def safety_examples(rows: list[dict], tokenizer, _seed: int, _stage: str) -> list[Example]:
    """Return responses with their reasoning and whether they are safe."""
    texts = texts_to_score(
        tokenizer,
        [row["prompt"] for row in rows],
        [whole_response(row["response"]) for row in rows],
    )
    return [
        Example([text], int(row["safe"]), "safe" if row["safe"] else "unsafe")
        for text, row in zip(texts, rows, strict=True)
    ]


@dataclass(frozen=True)
class Kind:
    """What a stage learns from: the fields of its data and how they become examples."""

    fields: dict[str, type]
    examples: Callable[[list[dict], object, int, str], list[Example]]


KINDS = {
    "rm_helpful": Kind({"prompt": str, "chosen": str, "rejected": str}, helpful_examples),
    "rm_safety": Kind({"prompt": str, "response": str, "safe": bool}, safety_examples),
}


def read_examples(path: Path, stage: str, tokenizer, seed: int) -> list[Example]:
    """Read the data of a stage.

    Raises InputError for a file without lines and for a line that lacks a field or has another
    type in it.
    """
    kind, rows = KINDS[stage], read_jsonl(path)
    for number, row in enumerate(rows, start=1):
        for name, wanted in kind.fields.items():
            if not isinstance(row.get(name), wanted):
                raise InputError(
                    f"{path}, line {number}: stage '{stage}' needs {name!r} as {wanted.__name__}"
                )
    if not rows:
        raise InputError(f"{path} holds no example to learn from")
    return kind.examples(rows, tokenizer, seed, stage)


def size_of(example: Example) -> int:
    """Return the tokens that an example takes in a row."""
    return sum(length_of(read_at_the_end(text, 0)) for text in example.texts)


def fitting_examples(examples: list[Example], row_tokens: int, source: Path) -> list[Example]:
    """Return the examples that fit into a row whole; the log says how many were left out.

    Raises InputError when more than a hundredth do not fit.
    """
    kept = [example for example in examples if size_of(example) <= row_tokens]
    left_out = len(examples) - len(kept)
    if left_out > MOST_LEFT_OUT * len(examples):
        raise InputError(
            f"{source} holds {left_out} of {len(examples)} examples that are longer than "
            f"row_tokens ({row_tokens}), the longest {max(map(size_of, examples))} tokens; raise "
            "that setting"
        )
    if left_out:
        print(f"left out: {left_out} of {len(examples)} examples longer than {row_tokens} tokens")
    return kept


def example_batches(examples: list[Example], settings: dict, seed: int, stage: str) -> list[Rows]:
    """Return the batches of all epochs, each shuffled anew; a row holds whole examples."""
    each, batches = len(examples[0].texts), []
    for epoch in range(settings["epochs"]):
        order = list(range(len(examples)))
        derive_rng(seed, stage, epoch).shuffle(order)
        for first in range(0, len(order), settings["samples_per_batch"]):
            part = order[first : first + settings["samples_per_batch"]]
            packed = best_fit([size_of(examples[i]) for i in part], settings["row_tokens"])
            batches.append(
                [
                    [
                        read_at_the_end(text, part[item] * each + side)
                        for item in row
                        for side, text in enumerate(examples[part[item]].texts)
                    ]
                    for row in packed
                ]
            )
    return batches


# ---- held-out accuracy --------------------------------------------------------------------------


def right_of(scorer: Scorer, examples: list[Example], compute: Compute) -> list[float]:
    """Return 1 for each example that is judged right, 0 for a wrong one, 1/2 for no difference."""
    each = len(examples[0].texts)
    scores = score_texts(scorer, [text for e in examples for text in e.texts], compute)
    margins = margin(torch.tensor(scores, dtype=torch.float64).view(-1, each)).tolist()
    return [
        0.5 if value == 0 else float((value > 0) == (example.label == 1))
        for value, example in zip(margins, examples, strict=True)
    ]


def accuracy_rows(stage: str, examples: list[Example], right: list[float], draws: int, seed: int):
    """Return the rows of rm_accuracy.csv: all held-out examples and each kind of them."""
    rows = []
    for name in ("heldout", *sorted({example.kind for example in examples})):
        values = [
            value
            for value, example in zip(right, examples, strict=True)
            if name in ("heldout", example.kind)
        ]
        low, high = bootstrap_interval(values, draws, derive_seed(seed, stage, "accuracy", name))
        rows.append(
            {
                "model": stage,
                "set": name if name == "heldout" else f"heldout_{name}",
                "n": len(values),
                "accuracy": round(sum(values) / len(values), 6),
                "ci_low": round(low, 6),
                "ci_high": round(high, 6),
            }
        )
    return rows


def train_reward_model(stage: str, args: Namespace, world: World, run: TrainingRun | None) -> None:
    """Train from the folder `args.start`; write the model, its metrics and its accuracy."""
    settings, seed = args.settings[stage], args.settings["seed"]
    device = prepare_device(stage, args.gpus, args.settings["require_gpu"])
    scored, tokenizer = ScoredModel(load_model(args.start, device)), load_tokenizer(args.start)
    examples = read_examples(args.train, stage, tokenizer, seed)
    examples = fitting_examples(examples, settings["row_tokens"], args.train)
    heldout = read_examples(args.heldout, stage, tokenizer, seed)
    batches = example_batches(examples, settings, seed, stage)
    compute = open_compute(args.settings["compute"], device, world)
    if run is not None:
        run.attempt.precision = compute.precision_of(scored.model)
    scorer = Scorer(scored, compute)
    aim = Judging(scorer, examples, compute, settings["row_tokens"])
    rows = train_supervised(scored, batches, settings, compute, run, aim)
    if run is None:
        return
    right = right_of(scorer, heldout, compute)
    accuracy = accuracy_rows(stage, heldout, right, settings["bootstrap"], seed)
    write_text_atomic(args.out_accuracy, csv_text(accuracy))
    run.attempt.outputs([args.out_accuracy])
    run.finish(
        rows, args.out_metrics, lambda f: save_reward_model(scored, tokenizer, f), args.out_model
    )
