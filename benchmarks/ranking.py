"""
The tables of docs/ranking.md, from what `thaw evaluate --protocol ... --json` wrote.

    python -m benchmarks.ranking --results DIR

DIR holds `cold.json`, `missing.json`, `new-users.json`, `thawing.json`, `mixed.json`, `closest.json` (`cold-only` on other
splits), `demo.json` (`cold-only` on the generated catalogue), and of cut training data `likes-N.json`,
`catalogue-SHARE.json` and `thawing-likes-N.json`; a table whose files are missing stays as it is.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.readme import replace_block

DOCUMENT = Path(__file__).parent.parent / "docs" / "ranking.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True)
    folder = parser.parse_args().results
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, render in _TABLES.items():
        path = folder / f"{name}.json"
        if path.exists():
            text = replace_block(text, name, _with_source(name, json.loads(path.read_text()), render))
    cuts = {
        path.stem: json.loads(path.read_text())
        for path in folder.glob("*.json")
        if path.stem.startswith(("likes-", "catalogue-"))
    }
    if cuts:
        text = replace_block(text, "sparse", _sparse(cuts))
    DOCUMENT.write_text(text, encoding="utf-8")


def _with_source(name: str, found: Mapping[str, Any], render: Any) -> str:
    asked = found["settings"]
    seeds = f"{asked['seeds']} splits from seed {asked['first_seed']}"
    likes = f" --likes {name.rpartition('-likes-')[2]}" if "-likes-" in name else ""
    return f"{render(found['rows'])}\n`--protocol {asked['protocol']}{likes}`, {seeds}; {found['machine']}.\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _interval(found: Mapping[str, float] | None) -> str:
    return f"{found['mean']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}]" if found else ""


def _cold(rows: list[dict[str, Any]]) -> str:
    first, *others = rows
    lines = [
        [
            row["name"],
            f"{row['metrics']['ndcg@20']:.4f}",
            f"{row['metrics']['recall@20']:.4f}",
            f"{row['metrics']['hr@20']:.4f}",
            f"{row['coverage']:.2f}",
            str(row["tried"]),
            _interval(row["less_than_ours"]),
        ]
        for row in [first, *sorted(others, key=lambda row: -row["metrics"]["ndcg@20"])]
    ]
    header = ["method", "NDCG@20", "Recall@20", "HR@20", "coverage", "settings tried", f"`{first['name']}` less this one"]
    return _table(header, lines)


def _pairs(rows: list[dict[str, Any]]) -> str:
    lines = [
        [row["case"], f"{row['ndcg']:.4f}", row["compared_with"], f"{row['other']:.4f}", _interval(row["difference"])]
        for row in rows
    ]
    return _table(["case", "NDCG@20", "compared with", "NDCG@20", "difference"], lines)


def _thawing(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            str(row["events"]),
            f"{row['ndcg']:.4f}",
            f"{row['content_alone']:.4f}",
            f"{row['audience_alone']:.4f}",
            _interval(row["against_content"]),
            _interval(row["against_audience"]),
        ]
        for row in rows
    ]
    header = ["events an item", "thawed", "content alone", "audience alone", "more than content", "more than audience"]
    return _table(header, lines)


def _mixed(rows: list[dict[str, Any]]) -> str:
    columns = ("tau", "cold_share", "ndcg", "warm_ndcg", "cold_ndcg")
    lines = [[row["wanted_share"], *(_number(row[column]) for column in columns)] for row in rows]
    return _table(["wanted share", "tau", "cold share", "NDCG@20", "of warm likes", "of cold likes"], lines)


def _number(value: float | None) -> str:
    """Four places; a dash for a tau that lets no cold item in."""
    return "-" if value is None or value == float("-inf") else f"{value:.4f}"


_TABLES = {
    "cold": _cold,
    "demo": _cold,
    "closest": _cold,
    "missing": _pairs,
    "new-users": _pairs,
    "thawing": _thawing,
    "thawing-likes-20": _thawing,
    "thawing-likes-5": _thawing,
    "mixed": _mixed,
}


def _sparse(cuts: Mapping[str, Mapping[str, Any]]) -> str:
    def size(name: str) -> tuple[str, float]:
        kind, _, number = name.partition("-")
        return kind, float(number)

    names = sorted(cuts, key=size, reverse=True)
    methods = [row["name"] for row in cuts[names[0]]["rows"]]
    values = {name: {row["name"]: row["metrics"]["ndcg@20"] for row in cuts[name]["rows"]} for name in names}
    lines = [[method, *(f"{values[name].get(method, float('nan')):.4f}" for name in names)] for method in methods]
    best = {name: max(cuts[name]["rows"][1:], key=lambda row: row["metrics"]["ndcg@20"]) for name in names}
    lines.append([f"`{methods[0]}` less the best of the others", *(_interval(best[name]["less_than_ours"]) for name in names)])
    asked = cuts[names[0]]["settings"]
    splits = f"{asked['seeds']} splits from seed {asked['first_seed']}"
    for name in names:
        others = cuts[name]["settings"]
        if (others["seeds"], others["first_seed"]) != (asked["seeds"], asked["first_seed"]):
            raise SystemExit(f"{name} has other splits than {names[0]}: measure both alike")
    source = f"NDCG@20, `--protocol cold-only --likes N` or `--catalogue SHARE`, {splits}"
    return f"{_table(['method', *names], lines)}\n{source}; {cuts[names[0]]['machine']}.\n"


if __name__ == "__main__":
    main()
