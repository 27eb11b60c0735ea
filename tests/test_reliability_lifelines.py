"""The package lifelines on the same lives, in a process of its own: estimates, standard errors and intervals."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from other_python import other_python

from analytics.reliability import fit_weibull, kaplan_meier, median_life

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    command = [other_python("lifelines"), "-W", "ignore", Path(__file__).with_name("lifelines_oracle.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def asked(what: str, **arguments: object) -> dict[str, Any]:
            questions.write(json.dumps({"what": what, **arguments}) + "\n")
            questions.flush()
            found: dict[str, Any] = json.loads(answers.readline())
            return found

        yield asked
        questions.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "shape", "scale", "size", "until"),
    [(1, 0.7, 50.0, 40, 60.0), (2, 1.0, 1.0, 30, 1.0), (3, 2.5, 8000.0, 200, math.inf)],
)
def test_weibull_lives(ask: Ask, seed: int, shape: float, scale: float, size: int, until: float) -> None:
    lives = (scale * np.random.default_rng(seed).weibull(shape, size)).tolist()
    failures = [life for life in lives if life <= until]
    censored = [until] * (size - len(failures))
    fit = fit_weibull(failures, censored).fit
    oracle = ask("weibull", failures=failures, censored=censored)
    assert fit is not None
    assert fit.life.shape == pytest.approx(oracle["shape"], rel=1e-4)
    assert fit.life.scale == pytest.approx(oracle["scale"], rel=1e-4)
    shape_variance, scale_variance, _ = fit.covariance  # of logarithms: relative errors
    assert math.sqrt(shape_variance) * fit.life.shape == pytest.approx(oracle["shape_se"], rel=1e-3)
    assert math.sqrt(scale_variance) * fit.life.scale == pytest.approx(oracle["scale_se"], rel=1e-3)


@pytest.mark.slow
def test_survival_with_its_intervals(ask: Ask) -> None:
    draws = np.random.default_rng(7)
    lives, limits = draws.weibull(1.5, 80).round(1), draws.exponential(1.5, 80).round(1)
    ages, failed = np.minimum(lives, limits).tolist(), (lives <= limits).tolist()
    oracle = ask("survival", ages=ages, failed=failed, alpha=0.1)
    steps = kaplan_meier(
        [age for age, end in zip(ages, failed, strict=True) if end],
        [age for age, end in zip(ages, failed, strict=True) if not end],
        0.9,
    )
    theirs = {age: rest for age, *rest in oracle["steps"]}
    assert len(steps) > 10
    for step in steps:
        survival, lower, upper = theirs[step.age]
        assert step.survival == pytest.approx(survival, rel=1e-9)
        if step.bounds.lower is not None:
            assert (step.bounds.lower, step.bounds.upper) == (pytest.approx(lower), pytest.approx(upper))
    assert median_life(steps) == oracle["median"]
