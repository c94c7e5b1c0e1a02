# SPDX-License-Identifier: Apache-2.0
"""manifest.json: the SHA-256 of every file that a verdict rests on, and where it came from.

claims      config/claims.yaml and the code that judged (digest, git commit)
published   the published tables, verified against their SHA256SUMS before anything is read
runs        for each seed: folder, scale, devices and commits of its attempts, and every file that
            was read with its SHA-256 and who vouches for it; a file that differed from its voucher
            is not among them, because no verdict rests on it
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from r1repro.audit.claims.runs import Run
from r1repro.audit.provenance import git_state
from r1repro.files import sha256_file


def _run(run: Run) -> dict:
    done = [record for record in run.records if record.completed]
    return {
        "folder": run.folder.as_posix(),
        "seed": run.seed,
        "scale": run.scale,
        "devices": sorted({record.device for record in done}),
        "commits": sorted({record.commit for record in done}),
        "committed_evidence": run.sums is not None,
        "files": {
            name: {"sha256": file.sha256, "vouched_by": file.vouched_by}
            for name, file in sorted(run.files.items())
        },
    }


def manifest(
    claims: Path,
    tables: Path,
    published: Sequence[str],
    runs: Sequence[Run],
    code_digest: str,
    verdict_counts: Mapping[str, Mapping[str, int]],
) -> dict:
    """Return what was judged, by what and on which files."""
    commit, dirty = git_state(Path(__file__))
    return {
        "claims": {"path": claims.as_posix(), "sha256": sha256_file(claims)},
        "code": {"digest": code_digest, "git_commit": commit, "git_dirty": dirty},
        "published": {
            (tables / name).as_posix(): sha256_file(tables / name) for name in sorted(published)
        },
        "runs": [_run(run) for run in runs],
        "verdicts": verdict_counts,
    }
