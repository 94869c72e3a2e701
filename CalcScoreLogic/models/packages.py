"""Models inside a folder or a zip, copied out without trusting a name in it."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import InputError, unreadable
from .check import DATASET, PLANS
from .json_objects import shown

_WANTED = re.compile(
    r"dataset\.json|plans\.json|dataset_fingerprint\.json|calcscore_model\.json"
    r"|fold_(0|[1-9]\d?)/checkpoint_final\.pth|(LICEN[CS]E|README)[\w.-]*",
    re.ASCII,
)
_LEVELS = 3
_MAX_ENTRIES = 100_000
_MAX_BYTES = 20 * 10**9
_MAX_RATIO, _MIN_BYTES_FOR_RATIO = 100, 100 * 10**6


@dataclass(frozen=True)
class Package:
    """A model that can be copied.

    Attributes
    ----------
    label : str
        What it is called in messages.
    name : str
        Name of its folder, which is a name for the model.
    files : dict of str to function
        From the path in the model folder to what opens the file.
    """

    label: str
    name: str
    files: dict[str, Callable[[], IO[bytes]]]

    def copy_to(self, folder: Path) -> None:
        """Copy the files that a model needs into a new folder."""
        folder.mkdir()
        for relative, opener in self.files.items():
            target = folder / relative
            target.parent.mkdir(exist_ok=True)
            with opener() as source, target.open("xb") as copy:
                shutil.copyfileobj(source, copy, 2**20)


@contextmanager
def open_packages(source: Path) -> Iterator[list[Package]]:
    """Find the models in a folder or a zip.

    Parameters
    ----------
    source : Path
        A model folder, a zip of one, or one of both with the models up to three levels down.

    Yields
    ------
    list of Package
        One or two models.

    Raises
    ------
    InputError
        There is no model or more than two, or the zip is damaged or crafted.
    """
    if source.is_dir():
        levels = 1 if (source / DATASET).exists() or (source / PLANS).exists() else _LEVELS + 1
        names = {path.relative_to(source).as_posix(): path for path in _walk(source, levels)}
        yield _packages(source, {name: _file_opener(path) for name, path in names.items()})
        return
    try:
        with _open_zip(source) as archive:
            entries = _checked_entries(source, archive)
            yield _packages(source, {name: _entry_opener(archive, entry) for name, entry in entries.items()})
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise InputError(f"{source}: this is not a complete zip, download or copy it again") from None
    except NotImplementedError:
        raise InputError(f"{source}: this kind of zip compression is not supported, pack it again") from None


def _open_zip(source: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(source)
    except FileNotFoundError:
        raise InputError(f"{source}: there is no such file, give a model folder or a zip of one") from None
    except OSError as error:
        raise unreadable(source, error) from None


def _walk(folder: Path, levels: int) -> Iterator[Path]:
    """Find the files of a folder a few levels deep."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error, "folder") from None
    for entry in entries:
        if entry.is_file():
            yield entry
        elif levels and entry.is_dir() and not entry.name.startswith("."):
            yield from _walk(entry, levels - 1)


def _file_opener(path: Path) -> Callable[[], IO[bytes]]:
    def opener() -> IO[bytes]:
        try:
            return path.open("rb")
        except OSError as error:
            raise unreadable(path, error) from None

    return opener


def _entry_opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(entry)


def _packages(source: Path, files: dict[str, Callable[[], IO[bytes]]]) -> list[Package]:
    """Tell the models among the files of a folder or a zip."""
    roots = _roots(PurePosixPath(name) for name in files)
    if not roots:
        raise InputError(f"{source}: there is no {DATASET} and no {PLANS}, give a model folder or a zip of one")
    if len(roots) > 2:
        found = shown([str(root) for root in roots])
        raise InputError(f"{source}: there are {len(roots)} models ({found}), install them one at a time")
    packages = []
    for root in roots:
        inside = {PurePosixPath(name): opener for name, opener in files.items()}
        relative = {str(path.relative_to(root)): opener for path, opener in inside.items() if root in path.parents}
        wanted = {name: opener for name, opener in relative.items() if _WANTED.fullmatch(name)}
        packages.append(Package(str(source / root), _name(source, root), wanted))
    return packages


def _roots(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    """Find the topmost folders of models: nnU-Net copies both JSON files into its evaluation folders, too."""
    found = sorted({path.parent for path in paths if path.name in (DATASET, PLANS)})
    candidates = [root for root in found if len(root.parts) <= _LEVELS]
    return [root for root in candidates if not any(other in root.parents for other in candidates)]


def _name(source: Path, root: PurePosixPath) -> str:
    """Name a model after its folder; nnU-Net's own folders say nothing, the one around them does."""
    stem = source.resolve().name if source.is_dir() else source.stem
    around = source.resolve().parent.name if source.is_dir() else stem
    parts = [around, stem, *root.parts]
    return parts[-2] if "__" in parts[-1] and parts[-2] else parts[-1]


def _checked_entries(source: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Refuse a crafted zip before anything of it is written; give its files by name."""
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise InputError(f"{source}: the zip has {len(entries)} entries, pack the model folder alone")
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        _check_entry(source, entry)
        if entry.is_dir():
            continue
        if entry.filename in files:
            raise InputError(f"{source}: the zip holds {entry.filename!r:.120} twice and is not to be trusted")
        files[entry.filename] = entry
    total = sum(entry.file_size for entry in entries)
    suspicious = total > _MIN_BYTES_FOR_RATIO and total > _MAX_RATIO * source.stat().st_size
    if total > _MAX_BYTES or suspicious:
        raise InputError(f"{source}: the zip would unpack to {total / 1e9:.1f} GB and is not to be trusted")
    return files


def _check_entry(source: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that is no plain file or folder below the zip's own."""
    # `filename` may be a shortened version of what the zip says.
    for name in (entry.orig_filename, entry.filename):
        plain = name.replace("\\", "/")
        if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or ".." in plain.split("/") or "\0" in plain:
            raise InputError(
                f"{source}: the zip's entry {name!r:.120} climbs out of the folder, it is not to be trusted"
            )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"{source}: the zip's entry {entry.filename!r:.120} is a link or a device, pack files only")
    if entry.flag_bits & 1:
        raise InputError(f"{source}: the zip is encrypted, unpack it and give the folder")
