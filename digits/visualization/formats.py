"""Figures as text: the same in Markdown, on pages and in messages."""

SHARE, NUMBER = ".2%", ".4f"  # formats of a share, 0 to 1, and of another figure
ABSENT = "–"


def share(value: float) -> str:
    """A share, 0 to 1: 98.83%."""
    return format(value, SHARE)


def estimate(value: float, interval: tuple[float, float] | None = None, spec: str = SHARE) -> str:
    """A figure and its interval, if it has one: 98.83% (97.92 to 99.35)."""
    if interval is None:
        return format(value, spec)
    low, high = (format(end, spec).rstrip("%") for end in interval)
    return f"{value:{spec}} ({low} to {high})"


def difference(value: float, interval: tuple[float, float] | None = None, spec: str = SHARE) -> str:
    """A difference of two figures, that of shares in percentage points: +0.85 points (+0.04 to +1.77)."""
    return estimate(value, interval, f"+{spec}").replace("%", " points")


def metric(metrics: dict[str, float], name: str, spec: str = SHARE) -> str:
    """A metric with its 95 % interval, by the names of metrics/evaluate.json."""
    return estimate(metrics[name], (metrics[f"{name}_low"], metrics[f"{name}_high"]), spec)


def words(name: str) -> str:
    """The name of a kind of non-digit, of a corruption or of a parameter in words."""
    return name.replace("_", " ")


FILTERS = {function.__name__: function for function in (share, metric, words)}  # of templates
