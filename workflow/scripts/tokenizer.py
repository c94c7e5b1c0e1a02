# SPDX-License-Identifier: Apache-2.0
"""Train the tokenizer on the base corpus, or take an own base's, and count the data in tokens."""

import sys
from pathlib import Path

from r1repro.cli import run_program, stage_parser


def main() -> None:
    cli = stage_parser(__doc__)
    texts = ("--train", "--validation", "--test", "--base-corpus", "--cold-start")
    for name in (*texts, "--out-tokenizer", "--out-tokens-manifest"):
        cli.add_argument(name, type=Path, required=True)
    cli.add_argument("--samples", type=Path, nargs="*", default=[], help="counted as well")
    cli.add_argument("--own-base", type=Path, nargs="*", default=[], help="folder with a tokenizer")
    args = cli.parse_args()

    from r1repro.audit.attempts import open_attempt
    from r1repro.files import atomic_dir, read_jsonl, write_json_atomic
    from r1repro.learn.tokenizer import encode_all, train_tokenizer
    from r1repro.tasks.data.manifest import tokens_manifest

    counted = [args.train, args.validation, args.test, args.base_corpus, args.cold_start]
    counted += args.samples

    with open_attempt(
        args.attempts,
        "tokenizer",
        scale=args.settings["scale"],
        settings=args.settings,
        seed=args.settings["seed"],
        gpus=args.gpus,
        code_digest=args.code,
        inputs=[*counted, *(folder / "tokenizer.json" for folder in args.own_base)],
        purpose="preparatory",
        planned_device="A100",
    ) as attempt:
        if args.own_base:
            from r1repro.learn.checkpoint import load_tokenizer

            tokenizer, origin = load_tokenizer(args.own_base[0]), args.own_base[0]
        else:
            texts = [row["text"] for row in read_jsonl(args.base_corpus)]
            tokenizer = train_tokenizer(texts, args.settings["tokenizer"]["vocab_size"])
            origin = f"{len(texts)} documents"
        with atomic_dir(args.out_tokenizer) as folder:
            tokenizer.save_pretrained(folder)
        manifest = tokens_manifest(counted, lambda texts: encode_all(tokenizer, texts))
        write_json_atomic(args.out_tokens_manifest, manifest)
        attempt.outputs([args.out_tokenizer, args.out_tokens_manifest])
        print(f"tokenizer with {len(tokenizer)} tokens from {origin}")


if __name__ == "__main__":
    sys.exit(run_program(main))
