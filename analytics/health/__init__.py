"""The health of machines: from samples of sensors to alarms that are explained, remaining life, and an honest score.

What it is: pure, streaming, with bounded memory. ``Watch`` puts it together for one machine: ``Context`` (what it was
doing), ``Buckets`` (features), a detector per mode (``Pca``, ``Robust``), ``Alarms``. ``Trend`` and ``remaining`` say
how long a degradation has left. ``tally`` and ``beside`` score alarms against what happened. See ``docs/health.md``.
What it is not: bound to stored events, a clock or a broker. The learned detector, ``analytics.health.learned.Forest``,
is not among the names here, for it needs the extra ``health``.
"""

from analytics.health.alarm import Alarm, Alarms
from analytics.health.buckets import FEATURES, Buckets
from analytics.health.context import REST, Context
from analytics.health.detector import Detector, Scored, State, Trained
from analytics.health.multivariate import Pca, q_limit, t2_limit
from analytics.health.remaining import Remaining, Slope, Trend, remaining, rising, theil_sen
from analytics.health.scoring import WEEK_NS, Prices, Tally, beside, oracle_alarms, random_alarms, tally
from analytics.health.truth import Episode, episodes
from analytics.health.univariate import Robust
from analytics.health.watch import Watch, Watched

__all__ = [
    "FEATURES",
    "REST",
    "WEEK_NS",
    "Alarm",
    "Alarms",
    "Buckets",
    "Context",
    "Detector",
    "Episode",
    "Pca",
    "Prices",
    "Remaining",
    "Robust",
    "Scored",
    "Slope",
    "State",
    "Tally",
    "Trained",
    "Trend",
    "Watch",
    "Watched",
    "beside",
    "episodes",
    "oracle_alarms",
    "q_limit",
    "random_alarms",
    "remaining",
    "rising",
    "t2_limit",
    "tally",
    "theil_sen",
]
