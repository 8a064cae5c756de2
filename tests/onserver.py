"""`bo` as transcripts call it, but with every ledger that they make in a folder kept on a server instead.

The folder is made all the same, with the ledger's URL in a file: so `cd acme`, `-L acme` and `rm -r acme` go on meaning
what they say. BO_SERVER is the URL of the database.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path

URL = "ledger.url"


def on_server(words: list[str], environment: MutableMapping[str, str]) -> tuple[list[str], Path | None]:
    """The command with URLs for folders, and the folder of the ledger it begins."""
    words, begun = list(words), None
    verb = next((at for at, word in enumerate(words) if word in ("init", "demo")), None)
    if verb is not None and words[verb] == "init" and len(words) > verb + 1 and _free(words[verb + 1]):
        begun = Path(words[verb + 1])
        words[verb + 1] = f"{environment['BO_SERVER']}&schema=t_{secrets.token_hex(6)}"
    words = [url_of(word) or word for word in words]
    named = environment.get("BO_LEDGER")
    if named:
        environment["BO_LEDGER"] = url_of(named) or named
    elif named is None and begun is None:
        here = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / URL).is_file()), None)
        if here is not None and not _chosen(environment):
            environment["BO_LEDGER"] = (here / URL).read_text()
    return words, begun


def url_of(word: str) -> str:
    """The URL of the ledger that a word names as a folder; "" for any other word."""
    if not word:
        return ""
    try:
        return (Path(word).expanduser() / URL).read_text()
    except (OSError, ValueError):
        return ""


def as_folders(lines: list[str], home: Path) -> Iterator[list[str]]:
    """What was printed, with the folders again where it says URLs: as called in `work`, as typed, as whole paths."""
    known, ledgers = home / "urls", []
    for line in known.read_text().splitlines() if known.exists() else ():
        url, folder, typed = line.split(" ", 2)
        ledgers.append((url, (os.path.relpath(folder, home / "work"), typed, folder)))
    for way in range(3):
        shown = lines
        for url, names in ledgers:
            shown = [text.replace(f'"{url}"', names[way]).replace(url, names[way]) for text in shown]
        yield shown


def _free(word: str) -> bool:
    return "://" not in word and not word.startswith("-") and not url_of(word)


def _chosen(environment: MutableMapping[str, str]) -> bool:
    config = Path(environment["BO_HOME"]) / "config.toml"
    return config.is_file() and "ledger = " in config.read_text()


def main() -> None:
    """The command in `sys.argv`."""
    from bo import __main__ as program
    from store.place import place_of

    words, begun = on_server(sys.argv[1:], os.environ)
    if begun is None:
        sys.argv[1:] = words
        program.main()
    else:
        made = not begun.exists()
        begun.mkdir(parents=True, exist_ok=True)
        url = next(word for word in words if word.startswith(os.environ["BO_SERVER"]))
        (begun / URL).write_text(url)
        with Path(os.environ["HOME"], "urls").open("a") as known:
            known.write(f"{place_of(url)} {begun.resolve()} {begun}\n")
        code = program._run(words)
        if code:
            (begun / URL).unlink()
            if made:
                begun.rmdir()
        sys.exit(code)


if __name__ == "__main__":
    main()
