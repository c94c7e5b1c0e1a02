# SPDX-License-Identifier: Apache-2.0
"""The stage that samples a checkpoint on the training prompts and keeps what is good."""

from argparse import Namespace

from r1repro.errors import InputError
from r1repro.files import read_jsonl, write_jsonl_atomic, write_text_atomic
from r1repro.learn.checkpoint import load_model, load_tokenizer
from r1repro.learn.compute import open_compute
from r1repro.learn.evaluation import sample_all
from r1repro.learn.flop import forward_flop
from r1repro.learn.phases import reasoning_prompts
from r1repro.learn.rejection import Selection, general_records, statistics_rows
from r1repro.learn.setup import prepare_device
from r1repro.progress import Progress
from r1repro.tables import csv_text

STAGE = "sft_data"


def make_sft_data(args: Namespace, run) -> None:
    """Sample, choose, and write the set, its statistics and the reasons of rejection.

    run   the services of an evaluation program: attempt, sandbox and `kept`

    Raises InputError when nothing of what was sampled is good enough and there is no general data.
    """
    settings, seed, attempt = args.settings[STAGE], args.settings["seed"], run.attempt
    device = prepare_device(STAGE, args.gpus, args.settings["require_gpu"])
    general = general_records(args.general, settings["general_samples"], seed, STAGE)
    prompts = reasoning_prompts(STAGE, read_jsonl(args.prompts))
    model, tokenizer = load_model(args.checkpoint, device), load_tokenizer(args.checkpoint)
    compute = open_compute(args.settings["compute"], device)
    attempt.precision = compute.precision_of(model)
    decoding = {
        "samples": settings["samples_per_prompt"],
        "temperature": settings["temperature"],
        "top_p": 1.0,
        "max_response_tokens": settings["max_response_tokens"],
    }

    def count(tokens: int) -> None:
        flop = forward_flop(model.config, tokens, settings["max_response_tokens"])
        attempt.count(tokens_generated=tokens, flop=flop)

    selection = Selection(settings)
    progress = Progress(STAGE, len(prompts), "prompts")
    for group in sample_all(
        compute, model, tokenizer, prompts, run.sandbox, decoding, seed, STAGE, count,
        kept=run.kept(STAGE),
    ):  # fmt: skip
        selection.add(group)
        progress.update(selection.prompts)
    if not selection.filtered:
        said = (
            f"none of the {selection.counts['sampled']} responses of {args.checkpoint} is good "
            f"enough to learn from ({dict(selection.counts)})"
        )
        if not general:
            raise InputError(f"{said}; train that checkpoint longer")
        print(f"warning: {said}: the set is general data alone", flush=True)
    write_jsonl_atomic(args.out_data, selection.filtered + general)
    statistics = statistics_rows(selection.filtered + general, tokenizer)
    write_text_atomic(args.out_statistics, csv_text(statistics))
    write_text_atomic(args.out_rejections, csv_text(selection.rejections()))
    attempt.outputs([args.out_data, args.out_statistics, args.out_rejections])
