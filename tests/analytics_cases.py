"""The worked cases of ``golden/kpi_cases.yaml`` and how their numbers become elements."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from analytics_plant import MIN

from analytics.elements import Elements, by_band

CASES: dict[str, dict[str, Any]] = {
    case["id"]: case
    for case in yaml.safe_load((Path(__file__).parent / "golden/kpi_cases.yaml").read_text(encoding="utf-8"))["cases"]
}


def near(case: dict[str, Any], value: float) -> Any:
    return pytest.approx(value, abs=case["abs_tol"], rel=0)


def minutes(count: float) -> int:
    return round(Fraction(str(count)) * MIN)


def simple(ppt: float, run: float, cycle: float, made: int, good: int, **other: Any) -> Elements:
    """A machine with one product: planned time, run time, ideal cycle, total and good count."""
    return Elements(
        apt_ns=minutes(run),
        adet_ns=minutes(ppt) - minutes(run),
        gq=good,
        sq=made - good,
        pri_pq_ns=round(Fraction(str(cycle)) * MIN * made),
        pri_gq_ns=round(Fraction(str(cycle)) * MIN * good),
        **other,
    )


def shift() -> Elements:
    """The shift of ISO34-ONE-SHIFT, with the energy of UNIT-COST."""
    given = CASES["ISO34-ONE-SHIFT"]["inputs"]
    planned = {name: minutes(given[name]) for name in ("POT", "PDOT", "ADOT", "ADET", "AUST")}
    kwh = CASES["UNIT-COST"]["inputs"]["kwh"]
    return Elements(
        pdot_ns=planned["PDOT"],
        adot_ns=planned["ADOT"],
        adet_ns=planned["ADET"],
        aust_ns=planned["AUST"],
        apt_ns=2 * planned["POT"] - sum(planned.values()),
        unknown_ns=minutes(given["calendar"]) - planned["POT"],
        gq=given["GQ"],
        sq=given["SQ"],
        rq=given["RQ"],
        pri_pq_ns=minutes(given["PRI"]) * given["PQ"],
        pri_gq_ns=minutes(given["PRI"]) * given["GQ"],
        failures=given["maintenance"]["FE"],
        energy=by_band((band[0], wh * 1000) for band, wh in kwh.items()),
    )
