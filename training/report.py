"""Tables of what training and evaluation came to."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from training.metrics import CUTOFFS
from training.train import Summary


def print_metrics(fields: Mapping[str, Any], title: str) -> None:
    """Recall, NDCG and HR by cutoff, on standard output."""
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for k in CUTOFFS:
        table.add_column(f"@{k}", justify="right")
    for metric in ("recall", "ndcg", "hr"):
        table.add_row(metric, *(f"{fields[f'{metric}@{k}']:.4f}" for k in CUTOFFS))
    console = Console()
    console.print(table)
    console.print(f"{fields['users']:,} users, {fields['items']:,} items as candidates", highlight=False)


def print_summary(summary: Summary) -> None:
    """What a training run came to."""
    manifest = summary.checkpoint.manifest
    print_metrics(manifest.metrics, f"held-out cold items (split {manifest.metrics['split']})")
    console = Console(soft_wrap=True)
    counts = manifest.dataset
    console.print(
        f"recipe {manifest.recipe['name']}, {counts['users']:,} users, {counts['warm_items']:,} warm items, "
        f"{counts['likes']:,} likes, {summary.seconds:.0f} s",
        highlight=False,
    )
    console.print(f"checkpoint {summary.checkpoint.version} at {summary.path}", highlight=False)
    rows = f"{summary.left_out:,} rows left out, {summary.partly:,} used without a part"
    console.print(f"{rows}, {summary.remarks:,} that may well be meant so: see {summary.report}", highlight=False)
