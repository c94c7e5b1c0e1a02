# SPDX-License-Identifier: Apache-2.0
"""Training and sampling with torch: model, packing, rollout, supervised stages, GRPO, evaluation."""
