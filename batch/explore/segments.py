"""The fitted segments: how they differ, their sizes, and their customers in R, F and M."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from batch.explore import formats, style
from batch.explore.finding import Finding
from batch.profiles import features
from models.scoring import assign, transformed
from models.segment_model import FEATURES, INACTIVE, SegmentModel
from models.units import Floats, Ints
from models.window_text import in_last_days, last_days
from runtime.counts import many
from runtime.money import Money

SAMPLE = 2_000
MIN_PER_SEGMENT = 25  # so that a segment of very few customers is visible
AXES = {"recency": "recency (days)", "frequency": "frequency (orders)", "monetary": "money"}


@dataclass(frozen=True)
class Segmented:
    """Customers with their segments.

    Parameters
    ----------
    table
        By customer: the features before the transform, and ``segment``, the number of the segment in the model.
    """

    model: SegmentModel
    table: pd.DataFrame


def segmented(profiles: pd.DataFrame, model: SegmentModel) -> Segmented:
    """Assign every profile to its segment."""
    table = features(profiles, model.monetary)
    recency, frequency = (table[name].to_numpy().astype(np.int64) for name in FEATURES[:2])
    return Segmented(model, table.assign(segment=assign(model, recency, frequency, table["monetary"].to_numpy())))


def segment_profiles(found: Segmented) -> pd.DataFrame:
    """By segment id, in the model's order.

    Returns
    -------
    DataFrame
        ``persona``, ``colour``, ``customers``, ``share`` of customers, ``money_share``, means of ``recency``,
        ``frequency`` and ``monetary``, and means of the standardised features: ``z_recency`` and so on.
    """
    table, segments = found.table, found.model.segments
    every = range(len(segments))
    groups = table.groupby("segment")
    size = groups.size().reindex(every, fill_value=0)
    money = groups["monetary"].sum().reindex(every, fill_value=0.0)
    frame = pd.DataFrame(
        {
            "persona": [segment.name for segment in segments],
            "colour": [segment.colour for segment in segments],
            "customers": size,
            "share": size / len(table),
            "money_share": money / money.sum(),
        }
    ).join(groups[list(FEATURES)].mean())
    for number, feature in enumerate(FEATURES):
        scores = pd.Series(transformed(found.model, number, table[feature].to_numpy()), index=table.index)
        frame[f"z_{feature}"] = scores.groupby(table["segment"]).mean()
    return frame.set_axis(pd.Index([segment.id for segment in segments], name="segment"))


def sampled(found: Segmented, size: int, seed: int) -> pd.DataFrame:
    """At most ``size`` random customers of :attr:`Segmented.table`; small segments are over-represented."""
    drawn = found.table.iloc[np.random.default_rng(seed).permutation(len(found.table))]
    is_later = (drawn.groupby("segment").cumcount() >= MIN_PER_SEGMENT).to_numpy()
    return drawn.iloc[np.argsort(is_later, kind="stable")[:size]].sort_index()


def snake_plot(found: Segmented, money: Money) -> Finding:
    """Mean standardised features of each segment that a distance decides."""
    frame = segment_profiles(found)
    drawn = frame.drop(INACTIVE, errors="ignore")
    figure = style.figure(420)
    for row, spend in zip(drawn.itertuples(), drawn["monetary"], strict=True):
        figure.add_scatter(
            x=["recency", "frequency", "money"],
            y=[row.z_recency, row.z_frequency, row.z_monetary],
            customdata=[f"{row.recency:,.0f} days", f"{row.frequency:,.1f} orders", money.rounded(spend)],
            name=row.persona,
            mode="lines+markers",
            line={"color": row.colour, "width": 3},
            marker={"size": 9},
            hovertemplate=f"{row.persona}: %{{y:+.2f}} standard deviations<br>mean %{{customdata}}<extra></extra>",
        )
    figure.add_hline(y=0, line={"color": style.NEUTRAL, "width": 1, "dash": "dot"})
    figure.update_xaxes(range=[-0.2, 2.2], showgrid=True)
    figure.update_yaxes(title="standard deviations from the average", zeroline=False)
    top = frame.iloc[int(frame["money_share"].argmax())]
    summary = (
        f"{top['persona']} are {formats.percent(top['share'])} of customers and account for "
        f"{formats.percent(top['money_share'])} of revenue{in_last_days(found.model.window_days)}."
    )
    how = "on the log scale" if found.model.transform == "log1p" else "on the raw scale"
    note = f"Means of the standardised features, {how}. High recency means a long time since the last purchase."
    note += "" if found.model.window_days is None else f" {_left_out(found)}"
    return Finding("snake", "How the segments differ", summary, frame, figure, note=note)


def segment_table(found: Segmented, money: Money) -> Finding:
    """Size, revenue share and mean features of each segment."""
    frame = segment_profiles(found)
    large = frame.iloc[int(frame["customers"].argmax())]
    summary = f"The largest segment is {large['persona']}, with {many(int(large['customers']), 'customer')}."
    table = pd.DataFrame(
        {
            "segment": frame["persona"],
            "customers": frame["customers"].map("{:,}".format),
            "share": frame["share"].map(formats.percent),
            "share of revenue": frame["money_share"].map(formats.percent),
            "days since last order": [_mean(mean, "{:,.0f}".format) for mean in frame["recency"]],
            "orders each": [_mean(mean, "{:,.1f}".format) for mean in frame["frequency"]],
            "spend each": [_mean(mean, money.rounded) for mean in frame["monetary"]],
        }
    )
    note = "Days, orders and spend are means over the customers of the segment."
    if found.model.window_days is not None:
        days = last_days(found.model.window_days)
        note += f" Orders, spend and revenue are those in {days}; Inactive are customers without an order in them."
    return Finding("segments", "The segments in numbers", summary, frame, table=table, note=note)


def cloud(found: Segmented, money: Money, *, size: int = SAMPLE, seed: int = 42) -> Finding:
    """Customers in recency, frequency and money, coloured by persona, without inactive customers."""
    found = _active(found)
    sample = sampled(found, size, seed)
    figure = style.figure(560)
    for number, segment in enumerate(found.model.segments):
        if segment.id == INACTIVE:
            continue
        part = sample[sample["segment"] == number]
        figure.add_scatter3d(
            **dict(zip("xyz", (_scaled(part[feature].to_numpy()) for feature in FEATURES), strict=True)),
            customdata=[
                (days, orders, money.exact(spend))
                for days, orders, spend in zip(*(part[feature] for feature in FEATURES), strict=True)
            ],
            name=segment.name,
            mode="markers",
            marker={"size": 3, "color": segment.colour, "opacity": 0.8, "line": {"width": 0}},
            hovertemplate=f"{segment.name}<br>%{{customdata[0]:,.0f}} days, %{{customdata[1]:,.0f}} orders, "
            "%{customdata[2]}<extra></extra>",
        )
    axes = {
        f"{axis}axis": {"title": {"text": AXES[feature]}} | style.log_ticks(sample[feature].max(), write)
        for axis, feature, write in zip("xyz", FEATURES, (None, None, money), strict=True)
    }
    camera = {"eye": {"x": 1.4, "y": -1.5, "z": 0.7}, "center": {"x": 0, "y": 0, "z": -0.12}}
    figure.update_layout(scene={"aspectmode": "cube", "camera": camera, **axes}, legend={"itemsizing": "constant"})
    logs = found.table[list(FEATURES)].apply(np.log1p).corr()
    summary = (
        f"On a log scale, frequency and money correlate at {logs['frequency']['monetary']:.2f}, recency and frequency "
        f"at {logs['recency']['frequency']:.2f}, recency and money at {logs['recency']['monetary']:.2f}."
    )
    note = (
        f"{many(len(sample), 'customer')} drawn at random, at least {MIN_PER_SEGMENT} of each segment (or all); "
        "log axes.  Drag to rotate, scroll to zoom."
    )
    note += "" if found.model.window_days is None else f" {_left_out(found)}"
    return Finding("cloud", "Customers in three dimensions", summary, sample, figure, note=note)


def _active(found: Segmented) -> Segmented:
    """All customers but the inactive ones."""
    inactive = found.model.index.get(INACTIVE)
    return Segmented(found.model, found.table[found.table["segment"] != inactive])


def _left_out(found: Segmented) -> str:
    """What a figure under a model with a window counts and leaves out."""
    counted = in_last_days(found.model.window_days)
    return f"Frequency and money are those{counted}; Inactive customers, who have none, are left out."


def _mean(mean: float, write: Callable[[float], str]) -> str:
    """A mean as text; a dash of a segment without customers."""
    return "–" if pd.isna(mean) else write(mean)


def _scaled(values: Floats | Ints) -> Floats:
    return np.asarray(np.log1p(values))
