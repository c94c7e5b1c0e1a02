# SPDX-License-Identifier: Apache-2.0
"""Supervised fine-tuning of a checkpoint on whole responses, loss on the response only.

dev1 learns from the cold-start set, dev3 and the distilled models from the rejection-sampled set.

Source   Supplementary Information 2.4.2 and 2.4.3: two to three epochs, cosine schedule to a tenth.
"""

from argparse import Namespace

from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import open_compute
from r1repro.learn.packing import Rows, Sequence
from r1repro.learn.parallel import World
from r1repro.learn.setup import prepare_device
from r1repro.learn.supervised import fitting, sample_batches, train_supervised
from r1repro.learn.tokenizer import encode_all
from r1repro.sample_file import each_sample
from r1repro.stage import TrainingRun


def response_sequences(samples: list[dict], tokenizer) -> list[Sequence]:
    """Return each sample as a prompt, of which nothing is predicted, and its response."""
    prompts = encode_all(tokenizer, [sample["prompt"] for sample in samples])
    responses = encode_all(tokenizer, [sample["response"] for sample in samples])
    end = tokenizer.eos_token_id
    return [
        Sequence(prompt, [[*response, end]], [0])
        for prompt, response in zip(prompts, responses, strict=True)
    ]


def finetuning_batches(sequences: list[Sequence], settings: dict, seed: int, stage: str):
    """Return the batches of all epochs, each epoch shuffled anew."""
    batches: list[Rows] = []
    for epoch in range(settings["epochs"]):
        batches += sample_batches(
            sequences, settings["row_tokens"], settings["samples_per_batch"], (seed, stage, epoch)
        )
    return batches


def finetune(args: Namespace, world: World, run: TrainingRun | None) -> None:
    """Fine-tune the checkpoint `args.start` and write a folder and its metrics.

    Raises InputError as `each_sample`, and when too many samples are longer than a row.
    """
    stage, settings = args.stage, args.settings[args.stage]
    device = prepare_device(stage, args.gpus, args.settings["require_gpu"])
    model, tokenizer = load_model(args.start, device), load_tokenizer(args.start)
    samples = list(each_sample(args.samples))
    sequences = response_sequences(samples, tokenizer)
    sequences = fitting(sequences, settings["row_tokens"], args.samples)
    batches = finetuning_batches(sequences, settings, args.settings["seed"], args.streams or stage)
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
