# SPDX-License-Identifier: Apache-2.0
"""Claims about sealing: it only appends, and refuses what was changed behind its back."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from audited_run import PRICE, Builder, build, utc
from tampering import Ledger, edit_record, record_of

from r1repro.audit.ledger.contents import preferred_prices, read_entries
from r1repro.audit.ledger.heads import NotSigned, SealDamaged, read_heads, sign
from r1repro.audit.ledger.sealing import LedgerDamaged
from r1repro.audit.verify.run import Options, verify

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def made(tmp_path):
    """A sealed run, to go on with."""
    build(tmp_path)
    made = Builder(tmp_path)
    made.number = 20
    return made


def content(made: Builder) -> dict[str, bytes]:
    """Return the files of the ledger."""
    return {path.name: path.read_bytes() for path in (made.results / "cost").iterdir()}


def test_nothing_new_appends_nothing(made):
    """Not a byte, also when only programs of the report have run since."""
    before = content(made)
    made.attempt("stage_cost", 6001, 2)
    made.attempt("seal", 6003, 2)
    assert made.seal(6100).added == 0
    assert content(made) == before


def test_a_later_seal_begins_with_the_earlier_one_and_proves_it(made):
    """All old lines stay as they were; the proof joins both heads."""
    before = content(made)
    made.attempt("stage_cost", 6001, 2)
    made.attempt("dev1", 6010, 5)
    assert made.seal(6100).added == 2  # the report's attempt is taken along
    after = content(made)
    assert after["ledger.jsonl"].startswith(before["ledger.jsonl"])
    made.bill()
    report = verify(made.results, Options(root=read_heads(made.results / "cost")[1].root))
    assert (report.findings, report.checked["heads"]) == ([], 3)


def test_a_program_of_the_report_that_runs_is_sealed_next_time(made):
    """While `seal` runs its own record has no end; a killed one is sealed after a minute."""
    made.attempt("dev1", 6010, 5)
    made.attempt("cost_model", 6020, 10, code=None)
    assert made.seal(6040).added == 1
    made.attempt("dev3", 6050, 5)
    assert made.seal(6200).added == 2


def test_a_stage_that_runs_is_sealed_as_far_as_it_came(made):
    """An attempt without an end is in the ledger, and amended when it has gone on."""
    path = made.attempt("dev1", 6010, 40)
    whole = path.read_text().splitlines(True)
    path.write_text("".join(whole[:2]))
    assert made.seal(6031).added == 1
    ledger = Ledger(made.results)
    assert ledger.entry(ledger.find(stage="dev1"))["outcome"] == "unfinished"
    path.write_text("".join(whole))
    assert made.seal(6100).added == 1
    ledger = Ledger(made.results)
    amendment = ledger.entry(ledger.find(kind="amendment"))
    assert (amendment["outcome"], amendment["amends"]) == ("completed", len(ledger.lines) - 2)


def test_other_prices_are_appended_and_the_last_ones_count(made):
    """Money is a function of the ledger."""
    cheaper = replace(PRICE, price=Decimal("1.50"))
    assert made.seal(6100, prices=[cheaper]).added == 1
    made.bill()
    entries = read_entries(made.results / "cost/ledger.jsonl")
    assert preferred_prices(entries) == [cheaper]
    assert "1.50,6.00000000000" in (made.results / "cost/cost_by_stage.csv").read_text()
    assert verify(made.results, Options()).findings == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: record_of(r, "base", 1).unlink(), "it is gone, but line 5 of the ledger"),
        (lambda r: edit_record(record_of(r, "base", 1), 0, nodes=2), "is not the record that"),
        (lambda r: record_of(r, "base", 2).open("a").write("{}\n"), "does not belong here"),
        (lambda r: Ledger(r).change(4, elapsed_ms=1), "line 6: it does not follow"),
        (lambda r: (r / "cost/ledger.jsonl").unlink(), "it is gone or empty"),
        (lambda r: (r / "cost/seal.json").write_text("{}"), "is not a seal"),
        (lambda r: (r / "cost/seal.json").write_text("[" * 9999), "is not a seal"),
    ],
)
def test_what_was_changed_is_not_sealed_over(made, change, told):
    """One sentence with the place; the ledger stays as it was."""
    change(made.results)
    made.attempt("dev1", 6010, 5)
    before = content(made)
    with pytest.raises((LedgerDamaged, SealDamaged, Exception), match=told):
        made.seal(6100)
    assert content(made) == before


def test_half_a_line_after_a_crash_is_cut_off(made):
    """No head covers it; the next seal goes on from the last whole line."""
    path = made.results / "cost/ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"half":')
    made.attempt("dev1", 6010, 5)
    made.seal(6100)
    made.bill()
    assert path.read_bytes().startswith(whole + b'{"attempt_id"')
    assert verify(made.results, Options()).findings == []


def test_lines_without_a_head_after_a_crash_are_covered_by_the_next_seal(made):
    """The crash came between the lines and seal.json."""
    old = (made.results / "cost/seal.json").read_bytes()
    made.attempt("dev1", 6010, 5)
    made.seal(6100)
    (made.results / "cost/seal.json").write_bytes(old)
    assert [f.check for f in verify(made.results, Options()).findings].count("heads") == 2
    made.seal(6100)
    made.bill()
    assert verify(made.results, Options()).findings == []


@pytest.fixture
def keys(tmp_path):
    """Two keys without passphrase, and the list of who may sign."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    for name in ("key", "other"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
        subprocess.run(command, check=True)
    public = (tmp_path / "key.pub").read_text().split()
    (tmp_path / "allowed").write_text(f"lab@example.org {public[0]} {public[1]}\n")
    return tmp_path


def test_a_signature_binds_the_root_to_its_key(made, keys):
    """Right key: holds. Other key, other root, no signature: found."""
    cost, options = made.results / "cost", Options(allowed_signers=keys / "allowed")

    def told():
        return [f.what for f in verify(made.results, options).findings]

    assert told() == ["the root is not signed"]
    sign(cost, keys / "key")
    assert told() == []
    sign(cost, keys / "other")
    assert told() == [f"it is of no key in {keys / 'allowed'}"]
    sign(cost, keys / "key")
    made.attempt("dev1", 6010, 5)
    made.seal(6100)
    made.bill()
    assert told() == ["it is not of the last head"]


def test_a_key_that_cannot_sign_is_one_sentence(made, keys):
    """What was found, where, what to do."""
    with pytest.raises(NotSigned, match=r"could not be signed with the key .*missing.*null"):
        sign(made.results / "cost", keys / "missing")


def audit(*arguments: str) -> subprocess.CompletedProcess:
    """Run the program."""
    command = [sys.executable, str(ROOT / "workflow/scripts/audit.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_program_ends_with_0_1_or_2(made, tmp_path):
    """All holds; a finding; could not run."""
    done = audit("verify", str(made.results))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all holds")
    record_of(made.results, "base", 1).unlink()
    done = audit("verify", str(made.results))
    [line] = [x for x in done.stdout.splitlines() if "it is gone" in x]
    assert done.returncode == 1
    assert line.startswith("error: attempts/base/") and "[records]; see: grep" in line
    found = json.loads(audit("verify", "--json", str(made.results)).stdout)
    assert found["holds"] is False and found["findings"][0]["level"] == "error"
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "absent"):
        done = audit("verify", str(folder))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    done = audit("verify", str(made.results), "--sacct", str(tmp_path / "absent"))
    assert done.returncode == 2
    assert audit("verify", str(made.results), "--root", "abc").returncode == 2
    assert audit("prove", str(made.results), "99").returncode == 2


def test_verifying_loads_nothing_but_the_standard_library_and_pymerkle(made):
    """Whoever verifies need not trust or install what trained."""
    program = (
        "import sys, runpy\n"
        "del sys.argv[0]\n"
        "before = set(sys.modules)\n"
        "try:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0, end.code\n"
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before}))\n"
    )
    path = str(ROOT / "workflow/scripts/audit.py")
    command = [sys.executable, "-c", program, path, "verify", str(made.results)]
    command[1:1] = ["-P"]
    environment = {"PYTHONPATH": str(ROOT / "workflow/scripts"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    loaded = set(json.loads(done.stdout.splitlines()[-1].replace("'", '"')))
    third_party = loaded - set(sys.stdlib_module_names) - {"r1repro", "pymerkle", "cachetools"}
    assert not {name for name in third_party if not name.startswith("_")}


def test_published_evidence_without_ledger_or_records_is_verified(tmp_path):
    """A folder with a list of checksums is enough; a folder of seeds with attempts too."""
    results = build(tmp_path)
    assert verify(results / "published", Options()).checked["published files"] == 1
    seed = tmp_path / "published/mini/seed1"
    shutil.copytree(results / "attempts", seed / "attempts")
    shutil.copytree(results / "evaluate", seed / "evaluate")
    (seed / "cost").mkdir()
    shutil.copy(results / "cost/cost_by_stage.csv", seed / "cost")
    report = verify(tmp_path / "published", Options())
    assert report.findings == []
    assert (report.checked["rows of the bill"], report.checked["outputs"]) == (6, 2)
    edit_record(record_of(seed, "base", 1), -1, elapsed_ms=29_000, time_utc=utc(99))
    told = [f.what for f in verify(tmp_path / "published", Options()).findings]
    assert "hours is 0.019444444, the attempts give 0.019166667" in told
