# SPDX-License-Identifier: Apache-2.0
"""Small settings of the data stages, shared by their tests."""

DATA = {
    "prompts_per_category": {"train": 60, "validation": 10, "test": 20},
    "general_prompts": {"train": 40, "validation": 6, "test": 12},
    "chinese_share": 0.3,
    "user_prompts": None,
    "user_prompts_split": "train",
    "user_prompt_max_bytes": 160,
    "decontamination": {"ngram": 10, "content_words": 4, "wording_share": 0.05, "whole_words": 6},
}
PREFERENCES = {
    "pairs": 61,
    "heldout": 30,
    "safety": 60,
    "safety_heldout": 40,
    "judge_comparisons": 4,
    "judge_noise": 1.0,
    "position_bias": 0.5,
    "length_bias": 0.4,
    "least_gap": 1.0,
}
SETTINGS = {"scale": "smoke", "seed": 1, "require_gpu": False, "data": DATA}
