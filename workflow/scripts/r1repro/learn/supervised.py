# SPDX-License-Identifier: Apache-2.0
"""Learning from given texts: pretraining of the base and supervised fine-tuning.

Both are the same loop over packed rows: mean cross-entropy per predicted token, AdamW, cosine
schedule with warm-up. They differ in the sequences (whole documents, or a prompt of which nothing
is predicted and its response) and in how long they go on.
"""

import time
from pathlib import Path

import torch
import torch.nn.functional as F

from r1repro.errors import InputError
from r1repro.learn.checkpoint import load_training, save_training
from r1repro.learn.flop import training_flop
from r1repro.learn.optimisation import cosine, make_optimiser
from r1repro.learn.packing import Sequence, best_fit, lay_out, length_of
from r1repro.learn.setup import derive_rng
from r1repro.learn.transformer import Transformer

SLICE = 4096  # documents packed together
MOST_LEFT_OUT = 0.01  # share of texts; more than that is a wrong setting and not an outlier


Rows = list[list[Sequence]]  # what one optimiser step learns from


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


def token_loss(transformer: Transformer, packed) -> torch.Tensor:
    """Return the mean cross-entropy over all predicted tokens."""
    hidden = transformer.hidden_states(packed.tokens, packed.positions, packed.mask)
    logits = transformer.logits(hidden.flatten(0, 1)[packed.source])
    return F.cross_entropy(logits, packed.target)


def train_supervised(model, batches: list[Rows], settings: dict, run) -> list[dict]:
    """Run all batches, resuming from `run.state`; return a row of metrics per step.

    run  the stage's services: `state`, and `step(row, done, total, **counted)` after each step
    """
    device = model.lm_head.weight.device
    transformer = Transformer(model)
    optimiser = make_optimiser(model, settings)
    row_tokens = settings["row_tokens"]
    rows: list[dict] = []
    saved = run.state.latest()
    if saved is not None:
        moments, extra = load_training(saved[1], model)
        optimiser.restore(moments)
        rows = extra["rows"]
        print(f"resumed after step {saved[0]}", flush=True)
    warmup = round(settings["warmup_share"] * len(batches))
    for step in range(len(rows), len(batches)):
        started = time.monotonic()
        packed = lay_out(batches[step], row_tokens).to(device)
        loss = token_loss(transformer, packed)
        loss.backward()
        factor = cosine(step, len(batches), warmup, settings["final_share"])
        norm = optimiser.step(factor, settings["gradient_clip_norm"])
        tokens = sum(length_of(sequence) for row in batches[step] for sequence in row)
        rows.append(
            {
                "step": step + 1,
                "loss": round(loss.item(), 6),
                "learning_rate": settings["learning_rate"] * factor,
                "gradient_norm": round(norm, 6),
                "tokens": tokens,
                "seconds": round(time.monotonic() - started, 4),
            }
        )
        flop = training_flop(model.config, tokens, row_tokens)
        run.step(rows[-1], step + 1, len(batches), tokens_trained=tokens, flop=flop)
        if (step + 1) % settings["checkpoint_every"] == 0:
            run.state.save(
                step + 1, lambda f: save_training(f, model, optimiser.moments(), {"rows": rows})
            )
    return rows
