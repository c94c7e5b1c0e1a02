# SPDX-License-Identifier: Apache-2.0
"""A base model: a Llama initialised here and pretrained on the base corpus by packed rows.

The sizes of `base` are the section `model` of the configuration; those of any other base are
`model` in its own section.
"""

from argparse import Namespace

from r1repro.files import read_jsonl
from r1repro.learn.checkpoint import load_tokenizer, new_model, save_checkpoint
from r1repro.learn.compute import open_compute
from r1repro.learn.packing import Rows, Sequence
from r1repro.learn.parallel import World
from r1repro.learn.setup import derive_seed, prepare_device
from r1repro.learn.supervised import fitting, row_batches, train_supervised
from r1repro.learn.tokenizer import encode_all
from r1repro.stage import TrainingRun


def pretraining_batches(
    sequences: list[Sequence], settings: dict, seed: int, stage: str
) -> list[Rows]:
    """Return as many batches of packed rows as the token budget holds, over whole epochs."""
    per_batch = settings["row_tokens"] * settings["rows_per_batch"]
    wanted = max(settings["tokens"] // per_batch, 1)
    batches: list[Rows] = []
    epoch = 0
    while len(batches) < wanted:
        batches += row_batches(
            sequences, settings["row_tokens"], settings["rows_per_batch"], (seed, stage, epoch)
        )
        epoch += 1
    return batches[:wanted]


def sizes_of(stage: str, settings: dict) -> dict:
    """Return the sizes of a stage's model from all settings of the program."""
    return settings["model"] if stage == "base" else settings["model"] | settings[stage]["model"]


def pretrain(args: Namespace, world: World, run: TrainingRun | None) -> None:
    """Train the base named `args.stage` and write its folder and its metrics.

    Raises InputError when too many documents are longer than a row.
    """
    stage, seed = args.stage, args.settings["seed"]
    settings = args.settings[stage]
    device = prepare_device(stage, args.gpus, args.settings["require_gpu"])
    tokenizer = load_tokenizer(args.tokenizer)
    end = tokenizer.eos_token_id
    texts = [row["text"] for row in read_jsonl(args.base_corpus)]
    documents = [[*tokens, end] for tokens in encode_all(tokenizer, texts)]
    sequences = [Sequence([], [document], [0]) for document in documents]
    sequences = fitting(sequences, settings["row_tokens"], args.base_corpus)
    batches = pretraining_batches(sequences, settings, seed, stage)
    weights_seed = derive_seed(seed, stage, "weights")
    sizes = sizes_of(stage, args.settings)
    model = new_model(sizes, len(tokenizer), end, weights_seed).to(device)
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {len(batches)} steps")
    compute = open_compute(args.settings["compute"], device, world)
    if run is not None:
        run.attempt.precision = compute.precision_of(model)
    rows = train_supervised(model, batches, settings, compute, run)
    if run is not None:
        run.finish(
            rows,
            args.out_metrics,
            lambda f: save_checkpoint(model, tokenizer, f),
            args.out_checkpoint,
        )
