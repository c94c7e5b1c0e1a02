# SPDX-License-Identifier: Apache-2.0
"""r1repro: rerun the recipe of DeepSeek-R1, measure what it consumed, and judge the paper's claims.

Three wings that do not know each other more than they must:
`tasks` (worlds, prompts, verifiers, sandbox; no torch), `learn` (torch; uses `tasks`) and
`audit` (attempts, prices, cost, page; knows neither). The programs in `workflow/scripts` tie them.
"""
