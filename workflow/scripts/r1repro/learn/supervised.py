# SPDX-License-Identifier: Apache-2.0
"""Learning from given texts: pretraining of the base, supervised fine-tuning, reward models.

All are the same loop over packed rows: AdamW, cosine schedule with warm-up. Pretraining and
fine-tuning take the mean cross-entropy per predicted token and differ in the sequences (whole
documents, or a prompt of which nothing is predicted and its response); reward models have an aim
of their own (`reward_training.py`).
"""

import time
from pathlib import Path

import torch

from r1repro.errors import InputError
from r1repro.learn.checkpoint import load_training, save_training
from r1repro.learn.compute import Compute
from r1repro.learn.flop import training_flop
from r1repro.learn.gradients import accumulate
from r1repro.learn.optimisation import cosine, make_optimiser
from r1repro.learn.packing import (
    Rows,
    Sequence,
    best_fit,
    lay_out,
    length_of,
    micro_batches,
    predicted_tokens,
)
from r1repro.learn.policy import token_logprobs
from r1repro.learn.setup import derive_rng
from r1repro.termination import deferred, requested, stop

SLICE = 4096  # documents packed together
MOST_LEFT_OUT = 0.01  # share of texts; more than that is a wrong setting and not an outlier


def fitting(sequences: list[Sequence], row_tokens: int, source: Path) -> list[Sequence]:
    """Return the sequences that fit into a row; the log says how many were left out.

    Raises InputError when more than a hundredth do not fit.
    """
    kept = [sequence for sequence in sequences if length_of(sequence) <= row_tokens]
    left_out = len(sequences) - len(kept)
    if left_out > MOST_LEFT_OUT * len(sequences):
        longest = max(map(length_of, sequences))
        raise InputError(
            f"{source} holds {left_out} of {len(sequences)} texts that are longer than row_tokens "
            f"({row_tokens}), the longest {longest} tokens; raise that setting"
        )
    if left_out:
        print(f"left out: {left_out} of {len(sequences)} texts longer than {row_tokens} tokens")
    return kept


def row_batches(
    sequences: list[Sequence], row_tokens: int, rows_per_batch: int, seed_parts: tuple
) -> list[Rows]:
    """Pack a shuffled epoch into rows and divide the rows into batches in random order.

    Shuffling comes first and packing is done in slices, so that a row mixes unlike documents.
    """
    rng = derive_rng(*seed_parts)
    order = list(range(len(sequences)))
    rng.shuffle(order)
    rows: Rows = []
    for first in range(0, len(order), SLICE):
        part = [sequences[i] for i in order[first : first + SLICE]]
        packed = best_fit([length_of(s) for s in part], row_tokens)
        rows += [[part[i] for i in row] for row in packed]
    rng.shuffle(rows)
    return [rows[i : i + rows_per_batch] for i in range(0, len(rows), rows_per_batch)]


def sample_batches(
    sequences: list[Sequence], row_tokens: int, samples_per_batch: int, seed_parts: tuple
) -> list[Rows]:
    """Divide a shuffled epoch into batches of whole samples and pack each batch into rows."""
    order = list(range(len(sequences)))
    derive_rng(*seed_parts).shuffle(order)
    batches = []
    for first in range(0, len(order), samples_per_batch):
        part = [sequences[i] for i in order[first : first + samples_per_batch]]
        packed = best_fit([length_of(s) for s in part], row_tokens)
        batches.append([[part[i] for i in row] for row in packed])
    return batches


class NextToken:
    """What pretraining and fine-tuning learn: the mean cross-entropy of the next token.

    Another aim of a supervised stage offers the same: `gradient` of one batch, which returns
    figures with `loss` first, `refresh` after each step, and `flop` of a step on so many tokens.
    """

    def __init__(self, model, compute: Compute, row_tokens: int):
        self.model, self.compute, self.row_tokens = model, compute, row_tokens
        self.transformer = compute.transformer(model)

    def refresh(self) -> None:
        """Take over the weights after they changed."""
        self.transformer.refresh()

    def flop(self, tokens: int) -> int:
        """FLOP of forward and backward pass."""
        return training_flop(self.model.config, tokens, self.row_tokens)

    def gradient(self, rows: Rows) -> dict[str, float]:
        """Set the gradient of the mean over a batch's predicted tokens; return the loss."""
        compute, transformer = self.compute, self.transformer
        predicted = predicted_tokens(rows)
        passes = micro_batches(compute.world.share(rows), self.row_tokens, compute.tokens_per_pass)

        def loss_of(some: Rows) -> tuple[torch.Tensor, dict[str, float]]:
            packed = lay_out(some, self.row_tokens).to(transformer.device)
            logprobs, _ = token_logprobs(transformer, packed)
            loss = -logprobs.sum() / predicted
            return loss, {"loss": loss.item()}

        figures = accumulate(transformer.working, passes, loss_of, compute.lanes, compute.world)
        return {"loss": sum(figure["loss"] for figure in figures)}


def train_supervised(
    model, batches: list[Rows], settings: dict, compute: Compute, run, aim=None
) -> list[dict]:
    """Run all batches, resuming from `run.state`; return a row of metrics per step.

    run  the stage's services: `state`, and `step(row, done, total, **counted)` after each step;
         None in a process that does not lead
    aim  what is learnt; None: the next token
    """
    optimiser = make_optimiser(model, settings, compute.lanes)
    aim = aim or NextToken(model, compute, settings["row_tokens"])
    rows: list[dict] = []
    saved = compute.world.tell(run.state.latest() if run else None)
    if saved is not None:
        moments, extra = load_training(saved[1], model)
        optimiser.restore(moments)
        aim.refresh()
        rows = extra["rows"]
        print(f"resumed after step {saved[0]}", flush=True)
    warmup = round(settings["warmup_share"] * len(batches))
    with deferred():
        for step in range(len(rows), len(batches)):
            started = time.monotonic()
            figures = aim.gradient(batches[step])
            factor = cosine(step, len(batches), warmup, settings["final_share"])
            norm = optimiser.step(factor, settings["gradient_clip_norm"])
            aim.refresh()
            tokens = sum(length_of(sequence) for row in batches[step] for sequence in row)
            rows.append(
                {
                    "step": step + 1,
                    **{name: round(value, 6) for name, value in figures.items()},
                    "learning_rate": settings["learning_rate"] * factor,
                    "gradient_norm": round(norm, 6),
                    "tokens": tokens,
                    "seconds": round(time.monotonic() - started, 4),
                }
            )
            ends = step + 1 < len(batches) and requested(compute.world)
            if run is not None:
                counted = {"tokens_trained": tokens, "flop": aim.flop(tokens)}
                run.step(rows[-1], step + 1, len(batches), **counted)
                if ends or (step + 1) % settings["checkpoint_every"] == 0:
                    run.save(
                        step + 1,
                        lambda f: save_training(f, model, optimiser.moments(), {"rows": rows}),
                    )
            if ends:
                stop()
    return rows
