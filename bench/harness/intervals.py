"""Medians, and intervals that assume nothing about how the figures are distributed."""

from math import comb


def median(values):
    ordered = sorted(values)
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def sign_interval(values, confidence=0.95):
    """The sign test's interval of the median: (low, high, coverage).

    It runs from the k-th smallest to the k-th largest value, with the largest k that keeps the confidence. With
    fewer than six values none does: then it is smallest to largest, and coverage says what that is worth.
    """
    ordered, n = sorted(values), len(values)
    if not n:
        return None

    def coverage(k):
        return 1 - 2 * sum(comb(n, i) for i in range(k)) / 2 ** n

    k = 1
    while 2 * (k + 1) <= n and coverage(k + 1) >= confidence:
        k += 1
    return ordered[k - 1], ordered[n - k], max(0.0, coverage(k))


def ratios(ours, theirs):
    """Pairs the rounds that count on both sides, by round number."""
    return [ours[i] / theirs[i] for i in sorted(ours) if theirs.get(i)]
