"""The factory's clockwork: a compiled discrete-event simulation of lines and what they share.

What it is: pure. ``start`` makes a plant out of a ``World``, ``place`` hands in orders, ``advance`` runs it to a time
and returns what happened, ``truth`` says what each machine has really done. ``docs/design/kernel.md`` has the rules.
What it is not: paced, and not aware of sensors, energy or money: those derive from what it says.

The half-open rule: ``advance(plant, t)`` does everything that happens before ``t``, and nothing at ``t``.
"""

from simulator.kernel.plant import MachineTruth, Plant, advance, fill, place, start, stocks, truth, work_in_progress

__all__ = ["MachineTruth", "Plant", "advance", "fill", "place", "start", "stocks", "truth", "work_in_progress"]
