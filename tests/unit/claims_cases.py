# SPDX-License-Identifier: Apache-2.0
"""For each mechanism two runs whose answer is known: one that has it, one that has not.

Each case is a function of the seed that returns the tables of one run. Seeds differ by hundredths,
so their spread is known: v, v + 0.01 and v + 0.02 have the mean v + 0.01 and the spread 0.01.
"""

from claims_runs import curve, metrics, questions, scores

RISING = [10.0 + i for i in range(20)]
FALLING = RISING[::-1]
JUMPY = [0.1, 0.5, 0.2, 0.6, 0.3]


def step(seed):
    """Return 0, 0.01, 0.02 for the seeds 1, 2, 3."""
    return 0.01 * (seed - 1)


def pair(first, second, **difference):
    """Return a case in which a checkpoint exceeds another by so much, in each named column."""

    def case(seed):
        more = {name: 0.4 + value + step(seed) for name, value in difference.items()}
        return [questions(first, **dict.fromkeys(difference, 0.4)), questions(second, **more)]

    return case


def training(name, column, values):
    """Return a case with one training figure."""
    return lambda seed: [metrics(name, **{column: [v + step(seed) for v in values]})]


def joined(*cases):
    """Return a case with the tables of several."""
    return lambda seed: [table for case in cases for table in case(seed)]


def arms(**means):
    """Return a case with the accuracy of several checkpoints, the same in all seeds but noise."""
    return lambda seed: [
        questions(name, pass1=value + step(seed) / 10) for name, value in means.items()
    ]


def ladder(reasoning, preference):
    """Return a case with accuracy and preference of dev1, dev2, dev3 and r1."""

    def case(seed):
        names = ("dev1", "dev2", "dev3", "r1")
        return [
            *(questions(n, pass1=v) for n, v in zip(names, reasoning, strict=True)),
            *(
                scores(n, preference=v + step(seed) / 10)
                for n, v in zip(names, preference, strict=True)
            ),
        ]

    return case


def cap(length, accuracy, cut=0.2):
    """Return a case in which raising the cap adds so many tokens and so much accuracy."""
    return lambda seed: [
        metrics("r1_zero", length_mean=20 + length + step(seed)),
        metrics("cap_never_rises", length_mean=20, truncated_fraction=cut),
        questions("r1_zero", pass1=0.5 + accuracy + step(seed)),
        questions("cap_never_rises", pass1=0.5),
    ]


def cold(accuracy, form):
    """Return a case in which dev1 differs from r1_zero in accuracy and instruction form."""
    return lambda seed: [
        questions("r1_zero", pass1=0.6),
        questions("dev1", pass1=0.6 + accuracy + step(seed)),
        scores("r1_zero", form_rate=0.3),
        scores("dev1", form_rate=0.3 + form + step(seed)),
    ]


def hacking(truth):
    """Return a case in which the learned reward rises and the truth does as given."""

    def case(seed):
        noise = [0.001 * ((i * 7 + seed) % 3) for i in range(40)]
        figures = {
            "update": list(range(44)),
            "reward_preference": ["", "", "", "", *[0.1 * i for i in range(40)]],
            "general_checked": ["", "", 0.9, 0.9, *[truth(i) + n for i, n in enumerate(noise)]],
        }
        return [("controls/preference_too_long/metrics.csv", figures)]

    return case


def memory(grpo, ppo):
    """Return a case with seconds and bytes of both arms."""

    def case(seed):
        rows = {
            "arm": ["r1_zero", "ppo_lambda_100"],
            "seconds_per_update": [grpo[0] + step(seed), ppo[0]],
        }
        rows |= {"peak_bytes": [grpo[1], ppo[1]], "parameters_trained": [10, 20]}
        return [("controls/memory.csv", rows)]

    return case


def clip(wide, narrow):
    """Return a case with the clipped share of both arms."""
    return lambda seed: [
        metrics("wide_clip", clipped_fraction=wide),
        metrics("r1_zero", clipped_fraction=narrow + step(seed)),
        questions("wide_clip"),
        questions("r1_zero"),
    ]


def rollout(seconds, accuracy):
    """Return a case with time and accuracy at 1, 4 and more updates a rollout."""

    def case(seed):
        names = ("rollout_each_update", "r1_zero", "more_updates_per_rollout")
        return [
            *(
                metrics(n, seconds_rollout=s + step(seed))
                for n, s in zip(names, seconds, strict=True)
            ),
            *(questions(n, pass1=a + step(seed)) for n, a in zip(names, accuracy, strict=True)),
        ]

    return case


def reset(distance, accuracy):
    """Return a case with the distance that resets add, and the accuracy."""
    return lambda seed: [
        metrics("r1_zero", kl_to_start=0.1 + distance + step(seed) / 10),
        metrics("no_reference_reset", kl_to_start=0.1),
        questions("r1_zero", pass1=0.5 + accuracy + step(seed)),
        questions("no_reference_reset", pass1=0.5),
    ]


def risk_control(unsafe, refusal):
    """Return a case in which the filter changes both shares by so much."""

    def case(seed):
        both = ["none", "keywords_and_review"]
        rows = {"checkpoint": ["r1"] * 2, "set": ["harmless"] * 2, "filter": both}
        rows |= {"unsafe_share": [0.4, 0.4 + unsafe + step(seed) / 10]}
        rows |= {"refusal_share": [0.4, 0.4 + refusal + step(seed) / 10]}
        rows |= {"over_refusal": [0.05, 0.1]}
        return [("evaluate/filter.csv", rows)]

    return case


def overlap(literal, paraphrase):
    """Return a case in which the filter finds so many of 100 items of each kind."""
    return lambda seed: [
        (
            "data/decontamination_test.csv",
            {
                "kind": ["literal", "paraphrase", "paraphrase_language"],
                "items": [100, 100, 0],
                "found": [literal, paraphrase, 0],
                "recall": [literal / 100, paraphrase / 100, ""],
            },
        )
    ]


CASES = {
    "mech-rl-raises-pass1": (
        pair("base", "r1_zero", pass1=0.3),
        pair("base", "r1_zero", pass1=-0.1),
    ),
    "mech-small-rl-works": (
        pair("small_base", "small_zero", pass1=0.3),
        pair("small_base", "small_zero", pass1=-0.2),
    ),
    "mech-length-grows": (
        joined(training("r1_zero", "length_mean", RISING), arms(r1_zero=0.5)),
        joined(training("r1_zero", "length_mean", FALLING), arms(r1_zero=0.5)),
    ),
    "mech-length-and-cap": (cap(5, 0.1), cap(5, -0.1)),
    "mech-majority-beats-pass1": (
        lambda seed: [questions("r1_zero", pass1=0.5, cons=0.7 + step(seed))],
        lambda seed: [questions("r1_zero", pass1=0.5, cons=0.3 + step(seed))],
    ),
    "mech-vote-gain-shrinks": (
        lambda seed: [curve("r1_zero", pass1=0.4, cons16=[0.5, 0.7 + step(seed), 0.7, 0.6, 0.45])],
        lambda seed: [curve("r1_zero", pass1=0.4, cons16=[0.4, 0.5, 0.5, 0.6, 0.7 + step(seed)])],
    ),
    "mech-language-consistency": (
        pair("no_language_reward", "dev2", language_consistency=0.1, pass1=0.0),
        pair("no_language_reward", "dev2", language_consistency=-0.01, pass1=0.0),
    ),
    "mech-language-drifts-without-reward": (
        training("no_language_reward", "language_consistency", [0.9 - 0.01 * i for i in range(20)]),
        training("no_language_reward", "language_consistency", [0.7 + 0.01 * i for i in range(20)]),
    ),
    "mech-stage-ladder": (
        ladder((0.5, 0.7, 0.72, 0.73), (0.1, 0.15, 0.2, 0.6)),
        ladder((0.5, 0.52, 0.72, 0.73), (0.1, 0.15, 0.2, 0.6)),
    ),
    "mech-cold-start-trades-accuracy": (cold(-0.2, 0.2), cold(0.2, 0.2)),
    "mech-reward-hacking": (
        hacking(lambda i: 0.6 + 0.01 * i if i < 20 else 0.8 - 0.01 * (i - 20)),
        hacking(lambda i: 0.4 + 0.01 * i),
    ),
    "mech-grpo-against-ppo": (
        arms(r1_zero=0.7, ppo_lambda_100=0.65, ppo_lambda_095=0.5),
        arms(r1_zero=0.5, ppo_lambda_100=0.65, ppo_lambda_095=0.5),
    ),
    "mech-grpo-needs-less-memory": (memory((1.0, 500), (1.5, 900)), memory((1.6, 500), (1.5, 900))),
    "mech-wide-clip": (clip(0.0, 0.05), clip(0.02, 0.05)),
    "mech-shared-rollout": (
        rollout((4.0, 1.0, 0.3), (0.5, 0.505, 0.5)),
        rollout((4.0, 1.0, 0.3), (0.5, 0.505, 0.2)),
    ),
    "mech-reference-reset": (reset(0.2, 0.0), reset(-0.05, 0.0)),
    "mech-format-reward": (
        lambda seed: [questions("base", format_rate=0.4), questions("r1_zero", format_rate=0.97)],
        lambda seed: [questions("base", format_rate=0.4), questions("r1_zero", format_rate=0.9)],
    ),
    "mech-harder-problems-longer": (
        lambda seed: [questions("r1", pass1=[i / 10 for i in range(10)], mean_length=FALLING[:10])],
        lambda seed: [questions("r1", pass1=[i / 10 for i in range(10)], mean_length=RISING[:10])],
    ),
    "mech-gains-on-hard-levels": (
        lambda seed: [
            curve("r1_zero", pass1_easy=0.9, pass1_hard=[0.1, 0.1, 0.2, 0.4, 0.6 + step(seed)])
        ],
        lambda seed: [
            curve("r1_zero", pass1_hard=0.2, pass1_easy=[0.1, 0.1, 0.2, 0.4, 0.6 + step(seed)])
        ],
    ),
    "mech-sampling-against-greedy": (
        lambda seed: [
            curve("r1_zero", greedy_repetition=0.2 + step(seed), greedy_pass1=JUMPY)
        ],
        lambda seed: [curve("r1_zero", greedy_repetition=0.0, sampled_repetition=0.1 + step(seed))],
    ),
    "mech-temperature-stage2": (
        pair("r1", "hot_stage2", format_rate=-0.2, language_consistency=-0.1),
        pair("r1", "hot_stage2", format_rate=0.01, language_consistency=-0.1),
    ),
    "mech-distilled-students-scale": (
        arms(distill_tiny=0.3, distill=0.5, dev3=0.7),
        arms(distill_tiny=0.5, distill=0.3, dev3=0.7),
    ),
    "data-rejection-sampling": (
        pair("unfiltered", "dev3", pass1=0.05, format_rate=0.1, language_consistency=0.1),
        pair("unfiltered", "dev3", pass1=-0.2, format_rate=0.1, language_consistency=0.1),
    ),
    "data-decontamination": (overlap(100, 20), overlap(100, 80)),
    "safety-external-filter-helps": (risk_control(-0.3, 0.3), risk_control(0.1, 0.3)),
}  # fmt: skip
