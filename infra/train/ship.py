"""Put an exported checkpoint on the shelf: `python -m infra.train.ship FOLDER NAME` fills `pipeline/bundled/NAME`.

What lies there comes to every user with the package, so the limits of issue 7 are kept here: no file of 15 MB or more,
60 MB in all. Beside the files goes the record of their SHA-256 to which the product holds them before it loads them.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pipeline.model_files import RECORD, SEEN, Record, digest_of, digests
from pipeline.models import BUNDLED, SHELF

__all__ = ["CARD", "MOST_ALL", "MOST_FILE", "ship"]

MOST_FILE, MOST_ALL = 15_000_000, 60_000_000
CARD = "README.md"


def ship(folder: Path, name: str, shelf: Path = SHELF) -> Path:
    """Copy the checkpoint in `folder` to `shelf/name`, whole or not at all, in place of what lay there.

    `SystemExit` says which limit it breaks. A card (`README.md`) that `folder` lacks is kept from what lay there.
    """
    shelf.mkdir(exist_ok=True)
    place = shelf / name
    with tempfile.TemporaryDirectory(dir=shelf, prefix=".shipping-") as part:
        made = Path(part) / name
        shutil.copytree(folder, made, ignore=shutil.ignore_patterns(".*", RECORD))
        if not (made / CARD).exists() and (place / CARD).exists():
            shutil.copy(place / CARD, made / CARD)
        _record(made, name)
        for file in filter(Path.is_file, made.rglob("*")):
            file.chmod(0o644)  # safetensors writes for its owner alone; these are to be installed for everybody
        _fits(made, {each: folder for each, folder in _folders(shelf).items() if each != name})
        if place.exists():
            place.rename(Path(part) / "old")
        made.rename(place)
    return place


def _record(made: Path, name: str) -> None:
    """The revision is that of what the model computes with: a card may be mended without any page being asked anew."""
    found = digests(made)
    Record(name, digest_of({each: sha for each, sha in found.items() if each != CARD}), found).write(made)
    (made / SEEN).unlink()  # times of this machine


def _fits(made: Path, others: Mapping[str, Path]) -> None:
    files = (path for folder in (made, *others.values()) for path in folder.rglob("*") if path.is_file())
    sizes = {path: path.stat().st_size for path in files}
    large = [path.name for path, size in sizes.items() if made in path.parents and size >= MOST_FILE]
    if large:
        raise SystemExit(f"{', '.join(large)}: {MOST_FILE} bytes or more; export in smaller shards")
    if (total := sum(sizes.values())) > MOST_ALL:
        raise SystemExit(f"the bundled models would take {total} bytes of {MOST_ALL}")
    if not (made / CARD).exists():
        raise SystemExit(f"no model card: write {CARD} into the folder")


def _folders(shelf: Path) -> dict[str, Path]:
    return {folder.name: folder for folder in shelf.iterdir() if folder.is_dir() and not folder.name.startswith(".")}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", choices=sorted(BUNDLED))
    arguments = parser.parse_args()
    print(ship(arguments.folder, arguments.name))
    if not (arguments.folder / CARD).exists():
        print(f"its {CARD} is that of the model before it: measure this one, and write down what was found")


if __name__ == "__main__":
    main()
