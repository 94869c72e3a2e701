"""``slicer.packaging`` (Slicer 5.11 and later): what would be installed is recorded, nothing is."""

# ruff: noqa: N803 - names are Slicer's

from __future__ import annotations

from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement

Requirements = str | Requirement | list[str | Requirement]


class Installation(NamedTuple):
    """One request to install or uninstall."""

    action: str
    requirements: list[str]
    options: dict[str, Any]


requests: list[Installation] = []
on_request: list[Callable[[Installation], None]] = []


def _record(action: str, requirements: Requirements, options: dict[str, Any]) -> None:
    listed = requirements if isinstance(requirements, list) else [requirements]
    request = Installation(action, [str(r) for r in listed], options)
    requests.append(request)
    for reaction in on_request:
        reaction(request)


def _complete(blocking: bool, callback: Callable[[int], None] | None) -> None:
    if not blocking and callback is not None:
        import qt

        qt.QTimer.singleShot(0, lambda: callback(0))


def pip_check(req: Requirements) -> bool:
    """Return whether the requirements are met by what is installed."""
    listed = req if isinstance(req, list) else [req]
    return all(_is_met(Requirement(str(r))) for r in listed)


def _is_met(requirement: Requirement) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return True
    try:
        return metadata.version(requirement.name) in requirement.specifier
    except metadata.PackageNotFoundError:
        return False


def pip_ensure(
    requirements: Requirements,
    constraints: str | Path | None = None,
    skip_packages: list[str] | None = None,
    prompt_install: bool = True,
    prompt_restart: bool = True,
    requester: str | None = None,
    skip_in_testing: bool = True,
    show_progress: bool = True,
) -> None:
    """Ask, then record the installation of the requirements that are not met.

    Raises
    ------
    RuntimeError
        When the user declines.
    """
    import slicer

    listed = requirements if isinstance(requirements, list) else [requirements]
    missing = [str(r) for r in listed if not pip_check(r)]
    if not missing or (skip_in_testing and slicer.app.testingEnabled()):
        return
    if prompt_install and not slicer.util.confirmOkCancelDisplay(
        f"Python packages need to be installed: {len(missing)}. Continue?",
        f"{requester or ''} Install Python Packages",
        detailedText="\n".join(missing),
    ):
        raise RuntimeError("the user declined the installation of packages")
    pip_install(missing, constraints, skip_packages=skip_packages, requester=requester)


def pip_install(
    requirements: str | list[str],
    constraints: str | Path | None = None,
    no_deps_requirements: str | list[str] | None = None,
    skip_packages: list[str] | None = None,
    blocking: bool = True,
    show_progress: bool = True,
    requester: str | None = None,
    parent: object = None,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> None:
    """Record an installation; tell the callback that it went well.

    Raises
    ------
    ValueError
        When ``skip_packages`` comes with ``no_deps_requirements`` or without blocking.
    """
    if skip_packages is not None and (no_deps_requirements is not None or not blocking):
        raise ValueError("skip_packages goes with blocking=True only, and without no_deps_requirements")
    options = {"constraints": constraints, "skip_packages": skip_packages, "requester": requester}
    _record("install", requirements, {**options, "no_deps_requirements": no_deps_requirements, "blocking": blocking})
    _complete(blocking, completedCallback)


def pip_uninstall(
    requirements: str | list[str],
    blocking: bool = True,
    logCallback: Callable[[str], None] | None = None,
    completedCallback: Callable[[int], None] | None = None,
) -> None:
    """Record a removal; tell the callback that it went well."""
    _record("uninstall", requirements, {"blocking": blocking})
    _complete(blocking, completedCallback)
