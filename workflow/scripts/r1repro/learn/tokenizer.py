# SPDX-License-Identifier: Apache-2.0
"""A byte-level BPE tokenizer, trained on the corpus; digits stay in groups of one to three.

Source   DeepSeek's tokenizer also cuts numbers into groups of one to three digits.
"""

from collections.abc import Iterable
from itertools import chain

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from r1repro.tasks.template import TAGS

END = "<|end|>"

# Each number of one or two digits becomes one token, whether the corpus has it often or not:
# arithmetic is learnt on whole numbers, as with a tokenizer trained on far more text.
NUMBERS = [str(number) for number in range(100)]
NUMBER_REPEATS = 500


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """Train on texts; the tags of the template and the end mark are single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), behavior="isolated"),
            pre_tokenizers.Split(Regex(r" ?[^\s\p{N}]+|\s+"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(TAGS) - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(chain(NUMBERS * NUMBER_REPEATS, texts), trainer)
    tokenizer.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def encode_all(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[list[int]]:
    """Encode many texts at once, without any added token."""
    fast = tokenizer.backend_tokenizer
    return [encoded.ids for encoded in fast.encode_batch(texts, add_special_tokens=False)]


def decode(tokenizer: PreTrainedTokenizerFast, tokens: list[int]) -> str:
    """Return the text of a response without the end mark."""
    end = tokenizer.eos_token_id  # looked up once: transformers derives it anew each time
    return tokenizer.backend_tokenizer.decode(
        [token for token in tokens if token != end], skip_special_tokens=False
    )
