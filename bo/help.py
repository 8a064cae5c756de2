"""What `bo --help` and `bo --version` print, read from the commands' folder: no command and no click is imported."""

# pathlib costs as much as everything here together, hence:
# ruff: noqa: PTH100, PTH112, PTH118, PTH120, PTH123, PTH208

import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "commands")
SECTIONS = ("money", "books", "records", "documents", "people", "audit", "ledger")
"""The order of the headings; a section that is not named here comes after them."""

_FRAME = """\
Usage: bo [OPTIONS] NOUN VERB ...

An encrypted, append-only, tamper-evident back office.
{sections}
Options, before the noun:
  -L, --ledger LEDGER   the ledger: a folder, else BO_LEDGER, the default, or a parent folder
  -D, --device DEVICE   who acts: the name or the file of a device
  --passphrase-fd N     read the passphrase from this file descriptor
  --quiet               results and errors only
  --verbose             say more; show where an error came from
  --version             the version of bo
  -h, --help            this text; also after a noun or a verb

Example: bo init books --name "Acme GmbH" --currency EUR --owner alice
         bo -L books invoice unpaid --json"""


def answer(words: list[str]) -> str | None:
    """The text for `words` where it can be told at once."""
    match words[:1]:
        case [] | ["-h"] | ["--help"]:
            return text()
        case ["--version"]:
            return version()
    return None


def version() -> str:
    from bo import __version__

    return f"bo {__version__}"


def text() -> str:
    listed = commands()
    width = max((len(name) for names in listed.values() for name in names), default=0)
    parts = []
    for section, names in listed.items():
        lines = [f"  {name:{width}}  {summary(path)}".rstrip() for name, path in names.items()]
        parts.append("\n".join(("", f"{section.capitalize()}:", *lines)))
    return _FRAME.format(sections="\n".join((*parts, "")))


def commands() -> dict[str, dict[str, str]]:
    """The file of every command: section, then name, then path."""
    sections = [entry for entry in os.listdir(FOLDER) if os.path.isdir(os.path.join(FOLDER, entry))]
    found = {}
    for section in sorted(sections, key=_rank):
        folder = os.path.join(FOLDER, section)
        files = sorted(entry for entry in os.listdir(folder) if entry.endswith(".py") and entry[0] != "_")
        if files:
            found[section] = {_name(file): os.path.join(folder, file) for file in files}
    return found


def summary(path: str) -> str:
    """The first line of the docstring a module begins with."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            before, quotes, rest = line.partition('"""')
            if quotes:
                return "" if before.strip() else rest.partition('"""')[0].strip()
    return ""


def _rank(section: str) -> tuple[int, str]:
    return SECTIONS.index(section) if section in SECTIONS else len(SECTIONS), section


def _name(file: str) -> str:
    return file[:-3].rstrip("_").replace("_", "-")  # import_.py holds `bo import`
