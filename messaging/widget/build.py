"""What `npm run build` left: which file stands for which name."""

from functools import lru_cache
from pathlib import Path

import orjson

FOLDER = Path(__file__).resolve().parent / "static" / "widget" / "build"
MANIFEST = FOLDER / "manifest.json"


class NotBuilt(LookupError):
    """The chat's app has not been built here: `make setup` does it."""


def built_name(name: str) -> str:
    """The hashed file name of `loader.js`, `app.js`, `app.css` or `words-en.js`. Raises NotBuilt."""
    try:
        changed = MANIFEST.stat().st_mtime_ns
    except FileNotFoundError as reason:
        raise NotBuilt(name) from reason
    found = _manifest(changed).get(name)
    if found is None:
        raise NotBuilt(name)
    return found


def built_text(name: str) -> str:
    """The content of a built file. Raises NotBuilt."""
    return _text(built_name(name))


@lru_cache(maxsize=1)
def _manifest(_changed: int) -> dict[str, str]:
    read = orjson.loads(MANIFEST.read_bytes())
    return {str(name): str(file) for name, file in read.items()}


@lru_cache(maxsize=4)
def _text(file: str) -> str:
    try:
        return (FOLDER / file).read_text()
    except FileNotFoundError as reason:
        raise NotBuilt(file) from reason
