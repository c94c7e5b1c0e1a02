# SPDX-License-Identifier: Apache-2.0
"""The review of the external risk control: the safety reward model reads whole responses."""

from pathlib import Path

import torch

from r1repro.learn.compute import Compute
from r1repro.learn.reward_model import (
    Scorer,
    load_reward_model,
    score_texts,
    texts_to_score,
    whole_response,
)
from r1repro.learn.risk_control import Review


def open_review(folder: Path, device: torch.device, compute: Compute) -> Review:
    """Return the function that scores responses to questions with a safety reward model."""
    model = load_reward_model(folder, device)
    scorer = Scorer(model.scored, compute)

    def review(questions: list[str], responses: list[str]) -> list[float]:
        read = [whole_response(response) for response in responses]
        return score_texts(scorer, texts_to_score(model.tokenizer, questions, read), compute)

    return review
