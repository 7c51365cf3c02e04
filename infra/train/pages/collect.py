"""Fill `build/fonts` with the fonts that pages are drawn in, out of Debian's packages and PyPI's.

    python -m infra.train.pages.collect

The packages are downloaded and unpacked with apt and dpkg, not installed. The folder can be carried to a machine
that reaches no registry. All are free fonts: SIL OFL, GPL with font exception, Apache-2.0, Bitstream Vera or public
domain; what is drawn with them is not theirs to license.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from infra.train.pages import fonts

__all__ = ["DEBIAN", "main"]

DEBIAN = [
    "fonts-breip",
    "fonts-century-catalogue",
    "fonts-courier-prime",
    "fonts-crosextra-caladea",
    "fonts-crosextra-carlito",
    "fonts-dancingscript",
    "fonts-dejavu-core",
    "fonts-dkg-handwriting",
    "fonts-ebgaramond",
    "fonts-ecolier-court",
    "fonts-femkeklaver",
    "fonts-freefont-ttf",
    "fonts-georgewilliams",
    "fonts-gfs-didot",
    "fonts-hosny-amiri",
    "fonts-humor-sans",
    "fonts-isabella",
    "fonts-kacst",
    "fonts-kaushanscript",
    "fonts-kristi",
    "fonts-levien-typoscript",
    "fonts-liberation",
    "fonts-linuxlibertine",
    "fonts-ocr-a",
    "fonts-ocr-b",
    "fonts-oldstandard",
    "fonts-open-sans",
    "fonts-rufscript",
    "fonts-sil-gentium-basic",
    "fonts-sjfonts",
    "fonts-tlwg-purisa-ttf",
    "fonts-tomsontalks",
]


def main() -> None:
    """Download, unpack and copy; say what is there and what is missing."""
    fonts.FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for package in DEBIAN:
            subprocess.run(["apt-get", "download", package], cwd=folder, check=False, capture_output=True)
        for file in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg", "-x", file, Path(folder) / "x"], check=True)
        unpacked = {path.stem: path for path in Path(folder).rglob("*") if path.suffix.lower() in {".ttf", ".otf"}}
        for name in fonts.files():
            source = unpacked.get(name, fonts.collected().get(name))
            if source is not None and source.parent != fonts.FOLDER:
                shutil.copyfile(source, fonts.FOLDER / source.name)
    fonts.collected.cache_clear()
    missing = [name for name in fonts.files() if name not in fonts.collected()]
    print(f"{len(fonts.collected())} font files, set {fonts.digest()}; missing: {', '.join(missing) or 'none'}")


if __name__ == "__main__":
    main()
