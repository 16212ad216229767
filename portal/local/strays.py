"""What must not be kept in the repository: paths of one machine, package indexes, secrets."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

_ALLOWED = "stray: allowed"
_LARGEST = 2 * 1024 * 1024

_PATTERNS = {
    "a path of one machine": re.compile(r"(?<![\w.:/}-])/(?:root|work|home|Users)/\w"),
    "where packages come from": re.compile(
        r"--(?:extra-)?index-url|--find-links|--trusted-host"  # stray: allowed
        r"|^\s*registry\s*=\s*[\"']?http|\"resolved\": \"http"
    ),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a secret": re.compile(
        r"(?i)\b\w*(?:password|passwd|secret|token|api_?key)\w*[\"']?\s*[:=]\s*[\"'][A-Za-z0-9+/_-]{24,}={0,2}[\"']"
    ),
}


def strays(repository: Path) -> Iterator[str]:
    """Each as `file:line: what`. Looks at what git keeps or would keep, not at what it ignores."""
    for path in _kept_files(repository):
        yield from _in_file(path, path.relative_to(repository))


def _kept_files(repository: Path) -> Iterable[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=repository,
        capture_output=True,
        check=True,
    )
    paths = (repository / name.decode() for name in listed.stdout.split(b"\0") if name)
    return (path for path in paths if path.is_file() and path.stat().st_size <= _LARGEST)


def _in_file(path: Path, name: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(lines, start=1):
        for what, pattern in _PATTERNS.items():
            if pattern.search(line) and _ALLOWED not in line:
                yield f"{name}:{number}: {what}"


def main() -> int:
    """Print what is found; exit 1 when there is something."""
    found = list(strays(Path(__file__).resolve().parents[2]))
    sys.stdout.write("".join(f"{stray}\n" for stray in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
