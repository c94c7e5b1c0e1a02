# SPDX-License-Identifier: Apache-2.0
"""Follow a training stage in Weights & Biases: offline by default, off by one setting.

One run per training stage, all stages of one workflow run in one group. The configuration, the
metrics of each step and a summary are all that is sent: no source, no console output, no host
name, no description of machine or command, no git remote, no environment.

Modes    off       nothing is imported or written
         offline   files under `folder`, no network, no account (`wandb sync` sends them later)
         online    needs a login; without one the stage stops at once with one sentence
         auto      online where a login is found, else offline
Steps    are a metric of their own, "step", and not W&B's counter: after a resume the steps since
         the last checkpoint come a second time, which W&B's counter would drop.
Choices  A W&B failure never costs training: only a wrong mode and a missing login stop a stage,
         both before any work. Whatever fails later (disk, network, a bug of the client) is said
         once on stderr, tracking is off from there on, and the stage goes on: the same
         numbers are in the stage's own metrics table. Keys are read by the W&B client alone;
         `redact` cuts them out of what is logged as configuration or summary.
"""

import netrc
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from r1repro.audit.redact import redact
from r1repro.errors import SettingsError, StageError

MODES = ("off", "offline", "online", "auto")
DEFAULT_SERVER = "https://api.wandb.ai"


class NotLoggedIn(StageError):
    """Online tracking was asked for without a W&B login."""


def logged_in(environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether the W&B client would find credentials, without reading any into this process.

    Looks where the client looks: WANDB_API_KEY, WANDB_IDENTITY_TOKEN_FILE, the netrc file.
    """
    if environment.get("WANDB_API_KEY") or environment.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    server = urlsplit(environment.get("WANDB_BASE_URL") or DEFAULT_SERVER).netloc
    home = Path(environment.get("HOME") or Path.home())
    named = environment.get("NETRC")
    for path in [Path(named)] if named else [home / ".netrc", home / "_netrc"]:
        try:
            if netrc.netrc(path).authenticators(server):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def chosen_mode(mode: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return off, offline or online; raises SettingsError and NotLoggedIn."""
    if mode not in MODES:
        raise SettingsError(
            f"tracking.mode is {mode!r}; write one of {', '.join(MODES)} in the configuration"
        )
    if mode in ("off", "offline"):
        return mode
    if logged_in(environment):
        return "online"
    if mode == "auto":
        return "offline"
    raise NotLoggedIn(
        "tracking.mode is online, but no Weights & Biases login was found; run `wandb login`, or "
        "set tracking.mode to offline, auto or off"
    )


class Tracker:
    """One stage's run; every call is safe when tracking is off or has failed."""

    def __init__(self, run: object | None, run_id: str | None):
        self._run, self.run_id = run, run_id

    def log(self, metrics: Mapping[str, object], step: int) -> None:
        """Send one step's metrics (numbers by name)."""
        self._guarded(lambda: self._run.log({"step": step, **metrics}))

    def summary(self, values: Mapping[str, object]) -> None:
        """Set final values of the run, such as hours and cost."""
        self._guarded(lambda: self._run.summary.update(redact(dict(values))))

    def finish(self, exit_code: int) -> None:
        """Close the run with the stage's own exit status."""
        self._guarded(lambda: self._run.finish(exit_code=exit_code))
        self._run = None

    def _guarded(self, call: Callable[[], object]) -> None:
        if self._run is None:
            return
        try:
            call()
        except StageError:  # SIGTERM arrives here as Terminated: it must stop the stage
            raise
        except Exception as error:  # noqa: BLE001 - see Choices
            self._run = None
            _warn(error)


def _warn(error: Exception) -> None:
    reason = " ".join(str(redact(str(error))).split())[:300]
    print(
        f"warning: Weights & Biases failed ({type(error).__name__}: {reason}); tracking is off "
        "from here, the stage goes on, its metrics table is complete",
        file=sys.stderr,
    )


def _start(mode: str, project: str, stage: str, group: str, config: dict, folder: Path, run_id):
    """Start a run in the W&B client; raises whatever the client raises."""
    import wandb  # late: a third of a second that stages without tracking need not pay

    folder.mkdir(parents=True, exist_ok=True)
    # the client adds a folder named wandb itself
    root = folder.parent if folder.name == "wandb" else folder
    run = wandb.init(
        project=project,
        group=group,
        name=stage,
        job_type=stage,
        id=run_id,
        resume="allow" if mode == "online" else None,
        dir=str(root),
        mode=mode,
        config=redact(config),
        settings=wandb.Settings(
            silent=True,
            console="off",
            disable_git=True,
            disable_code=True,
            disable_job_creation=True,
            save_code=False,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
            x_save_requirements=False,
            host="not recorded",
            # a killed run keeps what is older than this
            x_transaction_log_flush_interval=5.0,
        ),
    )
    run.define_metric("step")
    run.define_metric("*", step_metric="step")
    return run


@contextmanager
def open_tracker(
    settings: dict, stage: str, group: str, config: dict, folder: Path, run_id: str | None = None
) -> Iterator[Tracker]:
    """Give a tracker for as long as the block runs.

    `settings` are the keys mode and project of the configuration's tracking section. Pass the
    `run_id` of an earlier attempt to continue its run. Raises SettingsError for an unknown mode
    and NotLoggedIn; what the block raises goes on after the run is closed as failed.
    """
    mode = chosen_mode(settings["mode"])
    if mode == "off":
        yield Tracker(None, None)
        return
    name = run_id or secrets.token_hex(4)
    run = None
    try:
        run = _start(mode, settings["project"], stage, group, config, Path(folder), name)
    except StageError:
        raise
    except Exception as error:  # noqa: BLE001 - see Choices
        _warn(error)
    tracker = Tracker(run, name if run is not None else None)
    try:
        yield tracker
    except BaseException:
        tracker.finish(1)
        raise
    tracker.finish(0)
