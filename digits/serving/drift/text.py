"""The drift of what is served in words, for a terminal and for a page."""

from digits.params import ServedDrift
from digits.serving.drift import reference as drift_reference
from digits.serving.drift.measurement import Drift, Statistic, format_hour, refused_share
from digits.serving.drift.reference import BLANK, LABEL, PROBABILITY, UNREADABLE

NEXT = (
    "next: `digits label` labels what people corrected; add pictures like those that are served (`digits data "
    "add-labelled`), and `dvc repro` trains on them. Where they are what is wanted, promote the version that it trains"
)
CONFIDENT = drift_reference.probability_bin(0.95)  # the first bin of clear digits: what is in a lower one is not clear


def format_drift(port: int, found: Drift, params: ServedDrift) -> str:
    """A table of the statistics of one server, the shares of its answers, and what to do."""
    lines = [
        f"port {port}, version {found.version}, {found.answered:,} pictures since {format_hour(found.since)}: "
        f"{verdict(found, params)}",
        f"{'statistic':<16}{'index':>8}{'bound':>8}  state",
    ]
    lines += [
        f"{one.name:<16}{_number(one.psi):>8}{_number(one.bound):>8}  {one.state}" for one in ordered(found.statistics)
    ]
    lines += [*_labels(found), *shares(found)]
    lines += [f"not measured: {one}" for one in found.missing]
    return "\n".join([*lines, NEXT] if found.drifted else lines)


def verdict(found: Drift, params: ServedDrift) -> str:
    """What was found, in a sentence."""
    if found.drifted:
        again = f" (until measured again: {', '.join(found.still_drifted)})" if found.still_drifted else ""
        return f"drifted: {', '.join(found.drifted)}{again}"
    if found.is_measured:
        return "no drift"
    if found.judged:
        few = f"too few pictures for {', '.join(found.unmeasured)}, which take {params.min_pictures:,}"
        return f"no drift in {', '.join(found.judged)}; {few}"
    return f"not enough pictures to tell drift, which takes {params.min_pictures:,} of each statistic"


def ordered(statistics: list[Statistic]) -> list[Statistic]:
    """What has drifted first, by its index over its bound."""
    return sorted(statistics, key=lambda one: -(one.psi or 0) / (one.bound or float("inf")))


def shares(found: Drift) -> list[str]:
    """The share of answers that are not clear, and of what is refused, served and in the reference, a line each."""
    lines = [
        f"probability at most {one.bins[CONFIDENT - 1].split(' to ')[1]}, served / test digits: {_low(one)}"
        for one in found.statistics
        if one.name == PROBABILITY
    ]
    served, expected = refused_share(found.outcomes), found.expected_refused_share
    lines.append(f"refused, served / test digits: {_share(served)} / {_share(expected)}")
    if found.on_pages:
        digits = sum(found.on_pages.values())
        lines.append(f"digits of pages: {digits:,}, refused {_share(refused_share(found.on_pages))}; not compared")
    others = {name: found.outcomes[name] for name in (BLANK, UNREADABLE) if found.outcomes[name]}
    if others:
        lines.append(", ".join(f"{name}: {count:,}" for name, count in others.items()))
    return lines


def _labels(found: Drift) -> list[str]:
    """The share of each predicted label, served and in the reference, a line; none without a reference."""
    known = (one for one in found.statistics if one.name == LABEL)
    return [f"labels, served / test digits: {'  '.join(_pairs(one))}" for one in known]


def _low(one: Statistic) -> str:
    return " / ".join(
        _share(sum(counts[:CONFIDENT]) / total if (total := sum(counts)) else None)
        for counts in (one.served, one.expected)
    )


def _pairs(one: Statistic) -> list[str]:
    sides = [[count / max(1, sum(counts)) for count in counts] for counts in (one.served, one.expected)]
    return [f"{name}: {a:.0%} / {b:.0%}" for name, a, b in zip(one.bins, *sides, strict=True)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"
