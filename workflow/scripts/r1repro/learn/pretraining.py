# SPDX-License-Identifier: Apache-2.0
"""The base model: a Llama initialised here and pretrained on the base corpus by packed rows."""

from argparse import Namespace
from pathlib import Path

from r1repro.files import read_jsonl
from r1repro.learn.checkpoint import load_tokenizer, new_model, save_checkpoint
from r1repro.learn.compute import open_compute
from r1repro.learn.packing import Rows, Sequence
from r1repro.learn.parallel import World
from r1repro.learn.setup import derive_seed, prepare_device
from r1repro.learn.supervised import fitting, row_batches, train_supervised
from r1repro.learn.tokenizer import encode_all
from r1repro.stage import TrainingRun


def pretraining_batches(sequences: list[Sequence], settings: dict, seed: int) -> list[Rows]:
    """Return as many batches of packed rows as the token budget holds, over whole epochs."""
    per_batch = settings["row_tokens"] * settings["rows_per_batch"]
    wanted = max(settings["tokens"] // per_batch, 1)
    batches: list[Rows] = []
    epoch = 0
    while len(batches) < wanted:
        batches += row_batches(
            sequences, settings["row_tokens"], settings["rows_per_batch"], (seed, "base", epoch)
        )
        epoch += 1
    return batches[:wanted]


def pretrain(
    corpus: Path, tokenizer_folder: Path, args: Namespace, world: World, run: TrainingRun | None
) -> None:
    """Train the base and write its folder and its metrics.

    Raises InputError when too many documents are longer than a row.
    """
    settings, seed = args.settings["base"], args.settings["seed"]
    device = prepare_device("base", args.gpus, args.settings["require_gpu"])
    tokenizer = load_tokenizer(tokenizer_folder)
    end = tokenizer.eos_token_id
    texts = [row["text"] for row in read_jsonl(corpus)]
    documents = [[*tokens, end] for tokens in encode_all(tokenizer, texts)]
    sequences = [Sequence([], [document], [0]) for document in documents]
    sequences = fitting(sequences, settings["row_tokens"], corpus)
    batches = pretraining_batches(sequences, settings, seed)
    model = new_model(
        args.settings["model"], len(tokenizer), end, derive_seed(seed, "base", "weights")
    ).to(device)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(batches)} steps")
    compute = open_compute(args.settings["compute"], device, world)
    if run is not None:
        run.attempt.precision = compute.precision_of(model)
    rows = train_supervised(model, batches, settings, compute, run)
    if run is not None:
        run.finish(
            rows, args.out_metrics, lambda f: save_checkpoint(model, tokenizer, f), args.out_base
        )
