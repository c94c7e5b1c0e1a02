# SPDX-License-Identifier: Apache-2.0
"""The bill as FOCUS 1.2 (FinOps Open Cost and Usage Specification), one row an attempt billed.

Source    https://focus.finops.org, version 1.2; column names are the standard's.
Rows      every attempt of the bill: final, preparatory, superseded, failed and killed. Their costs
          add up to `cost_by_stage.csv` exactly (see `billed`).
Period    ChargePeriodStart is the begin of the attempt, ChargePeriodEnd (exclusive) that plus the
          billed milliseconds of the steady clock. The billing period is the calendar months (UTC)
          that hold the whole attempt, as a rule one.
Costs     There is no invoice, no discount and no contract: billed, effective, contracted and list
          cost are all quantity x listed unit price, and InvoiceId is empty.
Unknown   FOCUS wants a number in the four cost columns. Where no listed price names the device
          they are 0 as a place holder, never a price: the unit prices are empty, SkuPriceId begins
          with `unknown:`, x_PriceStatus is `unknown`, and Tags and ChargeDescription say so. A sum
          over such rows is a lower bound.
Tags      stage, purpose, part, scale, seed and price status, for grouping in any FOCUS tool.
x_        what the standard has no column for: attempt, outcome, exit code, nodes and GPUs per node
          apart, exact milliseconds, energy with its source, and the SHA-256 of the record.
Choices   The account is the run (scale and seed), the sub-account its stage, the resource the host.
          Region is empty: a price's region is not where the machine stands.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from r1repro.audit.exports.billed import Billed
from r1repro.audit.exports.record_files import RecordFile, ended, started, utc_text

STANDARD = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName",
    "BillingAccountType", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "CapacityReservationId", "CapacityReservationStatus", "ChargeCategory", "ChargeClass",
    "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountQuantity", "CommitmentDiscountStatus", "CommitmentDiscountType",
    "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit", "ContractedCost",
    "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity",
    "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId",
    "ResourceName", "ResourceType", "ServiceCategory", "ServiceName", "ServiceSubcategory",
    "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId", "SubAccountName",
    "SubAccountType", "Tags",
)  # fmt: skip
OWN = (
    "x_AttemptId", "x_Outcome", "x_ExitCode", "x_PriceStatus", "x_Nodes", "x_GpusPerNode",
    "x_CpuCoresPerNode", "x_ElapsedMilliseconds", "x_EnergyMicrojoules", "x_EnergySource",
    "x_RecordPath", "x_RecordSha256", "x_LedgerRoot",
)  # fmt: skip
COLUMNS = (*STANDARD, *OWN)
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
COPIES_OF_COST = ("PricingCurrencyEffectiveCost",)
UNIT_PRICES = (
    "ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
)  # fmt: skip
CURRENCY = "USD"
PROVIDER = "whoever owns the machine"
PLACE_HOLDER = "0.00"
UNKNOWN_NOTE = "price unknown: the costs of this row are place holders, not zero"


def number_text(value: Decimal) -> str:
    """Return plain digits, without an exponent."""
    return f"{value:f}"


def _second_text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _month(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _next_month(moment: datetime) -> datetime:
    first = _month(moment)
    if first.month == 12:
        return first.replace(year=first.year + 1, month=1)
    return first.replace(month=first.month + 1)


def _period(billed: Billed) -> dict[str, str]:
    begin, end = started(billed.record), ended(billed.record)
    return {
        "BillingPeriodStart": _second_text(_month(begin)),
        "BillingPeriodEnd": _second_text(_next_month(end)),
        "ChargePeriodStart": utc_text(begin),
        "ChargePeriodEnd": utc_text(end),
    }


def _money(billed: Billed) -> dict[str, str]:
    """Return quantity, prices and costs; 0 in the costs is a place holder where unknown."""
    price, known = billed.price, billed.price is not None
    cost = number_text(billed.cost_usd) if known else PLACE_HOLDER
    unit_price = number_text(price.price) if known else ""
    quantity = number_text(billed.quantity)
    return {
        **dict.fromkeys((*COSTS, *COPIES_OF_COST), cost),
        **dict.fromkeys(UNIT_PRICES, unit_price),
        "BillingCurrency": CURRENCY,
        "PricingCurrency": CURRENCY,
        "ConsumedQuantity": quantity,
        "PricingQuantity": quantity,
        "ConsumedUnit": billed.unit,
        "PricingUnit": billed.unit,
        "PricingCategory": "Standard",
        "SkuId": price.sku if known else billed.record.device,
        "SkuPriceId": price.id if known else f"unknown:{billed.record.device}",
        "SkuMeter": "GPU time" if billed.record.gpus_per_node else "CPU core time",
        "SkuPriceDetails": json.dumps(
            {"x_basis": price.basis, "x_region": price.region, "x_source": price.source}
        )
        if known
        else "",
    }


def _tags(billed: Billed, seed: int) -> str:
    record = billed.record
    return json.dumps(
        {
            "stage": record.stage,
            "purpose": billed.purpose,
            "part": record.part,
            "scale": record.scale,
            "seed": str(seed),
            "price": "unknown" if billed.price is None else "listed",
        }
    )


def _own(billed: Billed, file: RecordFile, root: str) -> dict[str, str]:
    record = billed.record
    return {
        "x_AttemptId": record.attempt_id,
        "x_Outcome": billed.outcome,
        "x_ExitCode": "" if record.exit_code is None else str(record.exit_code),
        "x_PriceStatus": "unknown" if billed.price is None else "listed",
        "x_Nodes": str(record.nodes),
        "x_GpusPerNode": str(record.gpus_per_node),
        "x_CpuCoresPerNode": str(record.cpu_cores),
        "x_ElapsedMilliseconds": str(record.elapsed_ms),
        "x_EnergyMicrojoules": ""
        if record.energy_microjoules is None
        else str(record.energy_microjoules),
        "x_EnergySource": record.energy_source,
        "x_RecordPath": file.path,
        "x_RecordSha256": file.sha256,
        "x_LedgerRoot": root,
    }


def focus_row(billed: Billed, file: RecordFile, root: str = "") -> dict[str, str]:
    """Return one attempt as a row with every column; an empty text is FOCUS's null."""
    record, seed = billed.record, file.begin["seed"]
    what = f"{record.stage} {record.part}".strip()
    note = f"; {UNKNOWN_NOTE}" if billed.price is None else ""
    host = file.begin["host"]
    given = {
        **_period(billed),
        **_money(billed),
        **_own(billed, file, root),
        "BillingAccountId": f"{record.scale}-seed{seed}",
        "BillingAccountName": f"r1repro, scale {record.scale}, seed {seed}",
        "BillingAccountType": "run",
        "SubAccountId": record.stage,
        "SubAccountName": record.stage,
        "SubAccountType": "stage",
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{what}: {billed.purpose}, {billed.outcome}{note}",
        "ChargeFrequency": "Usage-Based",
        "ProviderName": PROVIDER,
        "PublisherName": PROVIDER,
        "InvoiceIssuerName": PROVIDER,
        "ResourceId": host,
        "ResourceName": host,
        "ResourceType": record.device,
        "ServiceCategory": "Compute",
        "ServiceSubcategory": "Virtual Machines",
        "ServiceName": "Training and evaluation",
        "Tags": _tags(billed, seed),
    }
    return {name: given.get(name, "") for name in COLUMNS}


def focus_rows(
    billed: Iterable[Billed], files: dict[str, RecordFile], root: str = ""
) -> list[dict[str, str]]:
    """Return the rows of the file, oldest attempt first; `root` is the ledger's, if sealed."""
    return [focus_row(item, files[item.record.attempt_id], root) for item in billed]
