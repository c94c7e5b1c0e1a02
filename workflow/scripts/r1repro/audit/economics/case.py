# SPDX-License-Identifier: Apache-2.0
"""The paper's bill as one formula of a few inputs; the page's calculator is the same formula.

Formulas   own hours        gpus x (r1_zero_hours + r1_hours) + sft_data_gpu_hours
           GPU-hours        own x (1 + failed_share) x preparatory_factor / utilisation_ratio
                            + base_gpu_hours x base_share + further_gpu_hours
           USD              GPU-hours x price
           energy           GPU-hours x kW per GPU x PUE / 1000                         MWh
           carbon           energy x kg per kWh                                     tonnes CO2
           electricity      energy x 1000 x USD per kWh
Source     Inputs of the own case: results/published/nature/cost.csv and v3_cost.csv.
Choices    Failed and preparatory runs cost what the own hours cost and are not applied to the base,
           whose report leaves its own ones out too. utilisation_ratio is over that of the reported
           run: a laboratory that uses its GPUs half as well pays twice.
Numbers    exact decimals; only a division rounds, to 60 digits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext

from r1repro.audit.paper_cost import TOTAL, Stage
from r1repro.errors import InputError

EXACT = Context(prec=60)
R1_ZERO, R1, SFT_DATA = "r1_zero", "r1", "sft_data"


@dataclass(frozen=True)
class Case:
    """One reading of the bill."""

    gpus: Decimal
    r1_zero_hours: Decimal
    r1_hours: Decimal
    sft_data_gpu_hours: Decimal
    base_gpu_hours: Decimal
    price: Decimal
    failed_share: Decimal = Decimal(0)
    preparatory_factor: Decimal = Decimal(1)
    utilisation_ratio: Decimal = Decimal(1)
    base_share: Decimal = Decimal(0)
    further_gpu_hours: Decimal = Decimal(0)

    @property
    def own_gpu_hours(self) -> Decimal:
        """Return what the paper's three columns hold."""
        return self.gpus * (self.r1_zero_hours + self.r1_hours) + self.sft_data_gpu_hours

    @property
    def gpu_hours(self) -> Decimal:
        """Return all GPU-hours of this reading."""
        with localcontext(EXACT):
            own = self.own_gpu_hours * (1 + self.failed_share) * self.preparatory_factor
            base = self.base_gpu_hours * self.base_share
            return own / self.utilisation_ratio + base + self.further_gpu_hours

    @property
    def usd(self) -> Decimal:
        """Return the cost at the price of this reading."""
        with localcontext(EXACT):
            return self.gpu_hours * self.price


CHANGEABLE = (
    "gpus", "r1_zero_hours", "r1_hours", "sft_data_gpu_hours", "failed_share",
    "preparatory_factor", "utilisation_ratio", "base_share",
)  # fmt: skip


def changed(case: Case, change: Mapping[str, Decimal]) -> Case:
    """Return the case with some inputs replaced."""
    return replace(case, **change)


def _known(stages: Sequence[Stage], name: str) -> Stage:
    for stage in stages:
        if stage.name == name:
            return stage
    raise InputError(f"the published cost table has no row named {name}; restore it with git")


def _whole_run(stage: Stage) -> tuple[Decimal, Decimal]:
    """Return GPUs and hours of a stage, the first of the printed durations."""
    if stage.nodes is None or stage.gpus_per_node is None or stage.hours_low is None:
        raise InputError(
            f"the published cost table lacks nodes, GPUs or hours of {stage.name}; restore it"
        )
    return Decimal(stage.nodes * stage.gpus_per_node), stage.hours_low


def paper_case(stages: Sequence[Stage], v3: Sequence[Stage], price: Decimal) -> Case:
    """Return the bill as the paper's own numbers give it; raises InputError."""
    gpus, zero_hours = _whole_run(_known(stages, R1_ZERO))
    gpus_r1, r1_hours = _whole_run(_known(stages, R1))
    if gpus != gpus_r1:
        raise InputError("the published cost table has two sizes of machine; the case needs one")
    sft, base = _known(stages, SFT_DATA).gpu_hours, _known(v3, TOTAL).gpu_hours
    if sft is None or base is None:
        raise InputError("the published tables lack the GPU-hours of SFT data or of the base")
    return Case(gpus, zero_hours, r1_hours, sft, base, price)


@dataclass(frozen=True)
class Power:
    """One assumption about what a GPU draws and what its site adds."""

    name: str
    kw_per_gpu: Decimal
    pue: Decimal
    status: str
    source: str


@dataclass(frozen=True)
class Grid:
    """Carbon of a kilowatt-hour somewhere at some time."""

    name: str
    kg_per_kwh: Decimal
    status: str
    source: str


def energy_mwh(gpu_hours: Decimal, power: Power) -> Decimal:
    """Return megawatt-hours at the meter of the site."""
    return gpu_hours * power.kw_per_gpu * power.pue / 1000


def tonnes_co2(mwh: Decimal, grid: Grid) -> Decimal:
    """Return tonnes: a kilogram per kilowatt-hour is a tonne per megawatt-hour."""
    return mwh * grid.kg_per_kwh


def distilled_gpu_hours(
    parameters: float, tokens: float, epochs: float, peak: float, utilisation: float
) -> Decimal:
    """Return GPU-hours of fine-tuning: 6 FLOP per parameter and token."""
    return Decimal(round(6 * parameters * tokens * epochs / (peak * utilisation) / 3600))
