# SPDX-License-Identifier: Apache-2.0
"""A model that gives a text one number: the causal transformer and a scalar head.

The same pair is a reward model, whose score is read behind the last token, and PPO's critic, whose
value is read before each token of a response. On disk it is a Hugging Face folder as any other,
with value_head.safetensors beside the weights.

Shapes   scores (places,), float32, without unit and without bounds
Source   Nature Methods: the architecture of the policy with a scalar head. The helpful model reads
         the final answer only, the safety model the whole response.
Choices  - The head begins at zero: before training every text scores 0.
         - An end token closes each text, also one that was cut off, so that the place of reading
           is the same in all.
         - The final answer is what follows the last closing think tag; a response that opens its
           reasoning and never closes it has none, one without any reasoning is all answer.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast

from r1repro.errors import InputError
from r1repro.learn.checkpoint import load_model, load_tokenizer, save_checkpoint
from r1repro.learn.compute import Compute
from r1repro.learn.packing import Packed, Sequence, lay_out, length_of, micro_batches, pack_rows
from r1repro.learn.policy import hidden_before
from r1repro.learn.tokenizer import encode_all
from r1repro.learn.working import Working
from r1repro.tasks.template import THINK_CLOSE, THINK_OPEN, frame

HEAD_FILE = "value_head.safetensors"


def final_answer(response: str) -> str:
    """Return a response without its reasoning."""
    if THINK_CLOSE in response:
        return response.rpartition(THINK_CLOSE)[2]
    return "" if THINK_OPEN in response else response


def whole_response(response: str) -> str:
    """Return a response with its reasoning."""
    return response


# What the model of each set of general prompts reads of a response.
READS = {"helpful": final_answer, "harmless": whole_response}


class ScoredModel(torch.nn.Module):
    """A causal language model and a linear layer from its last hidden state to one number."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        width = model.config.get_text_config().hidden_size
        self.head = torch.nn.Linear(width, 1, device=next(model.parameters()).device)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)

    @property
    def config(self):
        """The configuration of the language model."""
        return self.model.config

    def get_input_embeddings(self) -> torch.nn.Module:
        """Return the table of tokens."""
        return self.model.get_input_embeddings()

    def get_output_embeddings(self) -> torch.nn.Module:
        """Return the last layer, which here is the head."""
        return self.head


class Scorer:
    """The forward pass of a ScoredModel on packed rows."""

    def __init__(self, scored: ScoredModel, compute: Compute):
        self.transformer = compute.transformer(scored.model)
        self.device, self.config = self.transformer.device, scored.config
        self.weight = Working([scored.head.weight], torch.float32)
        self.bias = Working([scored.head.bias], torch.float32)
        self.working = [*self.transformer.working, self.weight, self.bias]

    def refresh(self) -> None:
        """Take over the master weights after they changed."""
        self.transformer.refresh()
        self.weight.refresh()
        self.bias.refresh()

    def before(self, packed: Packed) -> torch.Tensor:
        """Return the score before each predicted token, (predicted,)."""
        hidden = hidden_before(self.transformer, packed).float()
        return F.linear(hidden, self.weight.tensor, self.bias.tensor).squeeze(-1)


def read_at_the_end(text: list[int], owner: int) -> Sequence:
    """Return a text as a prefix whose score stands before the one token that follows it."""
    return Sequence(text, [[0]], [owner])


def score_texts(scorer: Scorer, texts: list[list[int]], compute: Compute) -> list[float]:
    """Return the score of each text (token ids, the end token included)."""
    if not texts:
        return []
    sequences = [read_at_the_end(text, number) for number, text in enumerate(texts)]
    room = -(-max(map(length_of, sequences)) // 64) * 64
    passes = micro_batches(pack_rows(sequences, room), room, compute.tokens_per_pass)

    def run(rows) -> tuple[list[int], list[float]]:
        packed = lay_out(rows, room).to(scorer.device)
        with torch.no_grad():  # lanes are threads of their own
            return packed.owner.tolist(), scorer.before(packed).tolist()

    scores = [0.0] * len(texts)
    for owners, found in compute.lanes.map(run, passes):
        for owner, score in zip(owners, found, strict=True):
            scores[owner] = score
    return scores


def texts_to_score(
    tokenizer: PreTrainedTokenizerFast, questions: list[str], responses: list[str]
) -> list[list[int]]:
    """Return the framed question, what is read of the response, and the end token, as tokens."""
    asked = encode_all(tokenizer, [frame(question) for question in questions])
    answered = encode_all(tokenizer, responses)
    end = tokenizer.eos_token_id
    return [[*prompt, *text, end] for prompt, text in zip(asked, answered, strict=True)]


def save_reward_model(scored: ScoredModel, tokenizer, folder: Path) -> None:
    """Write the folder of a language model and the head beside it."""
    save_checkpoint(scored.model, tokenizer, folder)
    head = {name: weight.detach() for name, weight in scored.head.state_dict().items()}
    save_file(head, folder / HEAD_FILE)


@dataclass(frozen=True)
class RewardModel:
    """A trained reward model with its own tokenizer."""

    scored: ScoredModel
    tokenizer: PreTrainedTokenizerFast


def load_reward_model(folder: Path, device: torch.device) -> RewardModel:
    """Load what `save_reward_model` wrote.

    Raises InputError when the head is missing, damaged or of another width, and as `load_model`.
    """
    scored = ScoredModel(load_model(folder, device))
    try:
        head = load_file(folder / HEAD_FILE, device=str(device))
        scored.head.load_state_dict(head)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} is no reward model: {HEAD_FILE} is missing; make it with the rule of its "
            "stage"
        ) from error
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{folder}/{HEAD_FILE} does not fit the model: {reason}") from error
    if not all(bool(torch.isfinite(weight).all()) for weight in scored.head.parameters()):
        raise InputError(f"{folder}/{HEAD_FILE} holds weights that are not finite numbers")
    return RewardModel(scored.requires_grad_(False), load_tokenizer(folder))
