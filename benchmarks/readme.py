"""
What a program can write of the documents: the settings table, and the answers to README's curl commands.

    python -m benchmarks.readme [--url http://127.0.0.1:8000]

Writes the settings table, and, with the URL of a running demo, README's answers. docs/api.md posts the same item: it shows
a part of the same answer.
"""

import argparse
import json
import re
import shlex
import subprocess
from pathlib import Path

from service.settings import PREFIX, Settings

README = Path(__file__).parent.parent / "README.md"
OPERATIONS = README.parent / "docs" / "operations.md"
API = README.parent / "docs" / "api.md"
DEMO_URL = "http://127.0.0.1:8000"


def render_settings() -> str:
    """Every setting as a row."""
    rows = ["| variable | default | for |", "|---|---|---|"]
    for name, setting in Settings.model_fields.items():
        default = "" if setting.default is None else str(setting.get_default(call_default_factory=True))
        rows.append(
            f"| `{PREFIX}{name.upper()}` | {f'`{default}`' if default not in ('', '{}') else ''} | {setting.description} |"
        )
    return "\n".join(rows)


def find_block(text: str, name: str) -> str:
    """What stands between the marks of a name."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    if found is None:
        raise LookupError(f"there is no block {name!r}")
    return found.group(1)


def find_code(block: str, language: str) -> str:
    """The first fenced block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", block, re.DOTALL)
    if found is None:
        raise LookupError(f"no {language} block")
    return found.group(1)


def run_curl(command: str, url: str) -> object:
    """The JSON answer of one of README's commands, asked of another address."""
    words = shlex.split(command.replace(DEMO_URL, url))
    return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)


def replace_block(text: str, name: str, content: str) -> str:
    """The text with another content between the marks of a name."""
    find_block(text, name)
    before, _, rest = text.partition(f"<!-- {name} -->\n")
    return f"{before}<!-- {name} -->\n{content}<!-- /{name} -->{rest.partition(f'<!-- /{name} -->')[2]}"


def write_answers(text: str, url: str) -> str:
    """The text with the answers that a running demo gives."""
    for name in ("ingest", "recommend"):
        block = find_block(text, name)
        command = find_code(block, "sh")
        answer = json.dumps(run_curl(command, url), indent=1)
        text = replace_block(text, name, f"```sh\n{command}```\n\n```json\n{answer}\n```\n")
    return text


def copy_answer(api: str, readme: str) -> str:
    """The text of docs/api.md with what README's answer says of the members that are shown there."""
    shown = json.loads(find_code(find_block(api, "ingest"), "json"))
    answer = json.loads(find_code(find_block(readme, "ingest"), "json"))
    members = ",\n".join(f" {json.dumps(name)}: {json.dumps(answer[name])}" for name in shown)
    return replace_block(api, "ingest", f"```json\n{{\n{members}\n}}\n```\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a demo that runs")
    options = parser.parse_args()
    operations = replace_block(OPERATIONS.read_text(encoding="utf-8"), "settings", render_settings() + "\n")
    OPERATIONS.write_text(operations, encoding="utf-8")
    if options.url:
        README.write_text(write_answers(README.read_text(encoding="utf-8"), options.url), encoding="utf-8")
    API.write_text(copy_answer(API.read_text(encoding="utf-8"), README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
