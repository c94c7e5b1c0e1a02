# SPDX-License-Identifier: Apache-2.0
"""Test of the decontamination: hide copies of test questions among training texts, and count.

Kinds    literal             the question of a training text is a test question
         literal_inside      a test question stands inside a longer text
         paraphrase          both kinds below together
         paraphrase_reworded the question with other words in the same language, by the tables here
         paraphrase_language the question in the other language
Source   The paper matches 10-grams and says that paraphrases may pass (Supplementary Information
         4.1); by how much was not measured.
Choices  Every test question is copied once in each kind; an own prompt has no other language. The
         copies are shuffled into the training prompts, each text goes through the filter as the
         corpus does, and recall is the share of the copies that it removes. The keys that keep our
         own problems apart are not used here: this measures the n-gram filter alone.
"""

import re

from r1repro.tasks.data.draw import stream
from r1repro.tasks.data.splits import Splits
from r1repro.tasks.problem import LANGUAGES

REWORDED = {
    "en": {
        "What is ": "Compute ",
        "Write linear f(x) with": "Find the line f(x) where",
        "Write f(x): take x": "Give f(x): start from x",
        "add ": "plus ",
        "subtract ": "minus ",
        "multiply by ": "times ",
        "Rewrite to the end": "Reduce fully",
        " covers ": " travels ",
        "What speed in": "How fast in",
        " give ": " cause ",
        "What mass in kg": "How heavy in kg",
        " did ": " made ",
        "Over how many m": "What distance in m",
        "What current in A": "How many A flow",
        " carry ": " move ",
        "In how many s": "What time in s",
        " on each plate": " for every plate",
        "atoms form ": "atoms make up ",
        "How many molecules": "What number of molecules",
        "Write ": "Say ",
        "List ": "Name ",
        "Put ": "Turn ",
        "How do I ": "What is the way to ",
        "Tell me how to ": "Explain how to ",
        "Help me ": "Show me how to ",
    },
    "zh": {
        "等于多少": "是几",
        "写线性函数": "求一次函数",
        "写f(x)": "给出f(x)",
        "取x": "从x开始",
        "改写到底": "化简到最后",
        "速度多少": "多快",
        "产生": "得到",
        "质量多少": "多重",
        "位移多少": "移动多少",
        "电流多少": "多大电流",
        "需要多少": "要几",
        "共几皿": "几个皿",
        "组成": "构成",
        "共几个": "有多少",
        "写": "说",
        "列": "举",
        "加方括号": "放进方括号",
        "告诉我怎么": "说说如何",
        "怎么": "如何",
        "帮我": "教我",
    },
}
INSIDE = {"en": ("Please help.", "Thank you."), "zh": ("请帮忙。", "谢谢。")}


def reword(question: str, language: str) -> str:
    """Say a question of our generators in other words; unknown wording stays as it is."""
    table = REWORDED[language]
    longest_first = sorted(table, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda m: table[m[0]], question)


def copies_of(record: dict, splits: Splits) -> list[tuple[str, str, str]]:
    """Return (kind, question, rest of the text) of the copies of one test prompt."""
    question, language = record["question"], record["language"]
    before, after = INSIDE[language]
    copies = [
        ("literal", question, ""),
        ("literal_inside", before, f"{question} {after}"),
    ]
    if record["id"] in splits.problems:
        other = LANGUAGES[1 - LANGUAGES.index(language)]
        translated = splits.problems[record["id"]].question[other]
        copies += [
            ("paraphrase_reworded", reword(question, language), ""),
            ("paraphrase_language", translated, ""),
        ]
    return copies


def measure_recall(splits: Splits, seed: int) -> list[dict]:
    """Return a row of kind, items, found and recall for every kind of copy."""
    texts = [("", record["question"], "") for record in splits.records["train"]]
    texts += [copy for record in splits.records["test"] for copy in copies_of(record, splits)]
    stream(seed, "seeded copies").shuffle(texts)
    seen = [(kind, splits.filter.find(text, rest) is not None) for kind, text, rest in texts]
    rows = []
    for kind in (
        "literal",
        "literal_inside",
        "paraphrase",
        "paraphrase_reworded",
        "paraphrase_language",
    ):
        both = kind == "paraphrase"
        found = [hit for one, hit in seen if one == kind or (both and one.startswith(kind))]
        recall = round(sum(found) / len(found), 6) if found else ""
        rows.append({"kind": kind, "items": len(found), "found": sum(found), "recall": recall})
    return rows


def recall_csv(rows: list[dict]) -> str:
    """Return the rows as CSV text."""
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    return "\n".join(lines) + "\n"
