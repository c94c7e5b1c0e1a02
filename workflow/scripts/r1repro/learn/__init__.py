# SPDX-License-Identifier: Apache-2.0
"""Training and sampling with torch: model, packing, rollout, SFT, GRPO, evaluation."""
