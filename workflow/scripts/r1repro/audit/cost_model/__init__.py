# SPDX-License-Identifier: Apache-2.0
"""A first-principles model of what a reinforcement-learning run must cost; docs/cost_model.md."""
