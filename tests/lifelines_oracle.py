"""lifelines as a process: questions as JSON lines on stdin, answers on stdout. Run by the Python of ``other_venv.sh``.

What it is: the other side of ``test_reliability_lifelines.py``. What it is not: part of Qilu; it imports nothing of it.
"""

import json
import sys


def weibull(failures, censored):
    """Shape, scale and their standard errors."""
    from lifelines import WeibullFitter  # noqa: PLC0415  # our own Python looks at this file, too, and has none

    fit = WeibullFitter().fit(failures + censored, [1] * len(failures) + [0] * len(censored))
    errors = fit.summary["se(coef)"]
    return {"shape": fit.rho_, "scale": fit.lambda_, "shape_se": errors["rho_"], "scale_se": errors["lambda_"]}


def survival(ages, failed, alpha):
    """The Kaplan-Meier steps with their intervals, and the median life."""
    from lifelines import KaplanMeierFitter  # noqa: PLC0415

    fit = KaplanMeierFitter(alpha=alpha).fit(ages, failed)
    steps = fit.survival_function_.iloc[:, 0]
    bounds = fit.confidence_interval_
    return {
        "steps": [[t, steps.loc[t], *bounds.loc[t].tolist()] for t in steps.index],
        "median": fit.median_survival_time_,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps({"weibull": weibull, "survival": survival}[question.pop("what")](**question)), flush=True)
