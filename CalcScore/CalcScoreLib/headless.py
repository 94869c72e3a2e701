"""A cohort in the application without its window: the batch command, and a scene for each case."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import slicer

from CalcScoreLogic import case_files as files
from CalcScoreLogic.cli import EXIT_DONE, EXIT_FAILED, build_parser, main
from CalcScoreLogic.cohort.case_inputs import CohortInput
from CalcScoreLogic.cohort.case_results import read_scored
from CalcScoreLogic.cohort.inputs import find_inputs, read_input
from CalcScoreLogic.cohort.state import CohortFolder
from CalcScoreLogic.errors import CalcScoreError

from .scene import terminology
from .scene.case import SceneCase
from .scene.volumes import add_volume
from .settings import environment_of, interpreter

SCENES_OPTION = "--scenes"
SCENE = "case.mrb"
"""Name of the scene in a case's folder."""


def run(arguments: Sequence[str]) -> int:
    """Run ``calcscore batch`` here.

    Parameters
    ----------
    arguments : sequence of str
        Options of the command, and ``--scenes`` to save a scene for each case that is done.

    Returns
    -------
    int
        Exit code of the command; 1 where a scene could not be saved.
    """
    command = ["batch", *(option for option in arguments if option != SCENES_OPTION)]
    if not any(option.split("=")[0] == "--python" for option in command):
        # The application is no Python that the networks' process could be started with.
        command += ["--python", interpreter()]
    try:
        options = build_parser().parse_args(command)
        with _environment_of(options.python):
            code = main(command)
    except SystemExit as ended:
        # The parser ends the program after --help and after bad usage.
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED
    if SCENES_OPTION not in arguments or code not in (EXIT_DONE, EXIT_FAILED):
        return code
    inputs = find_inputs(options.source, options.keep_identifiers)
    return max(code, save_scenes(inputs.cases, options.output))


@contextmanager
def _environment_of(python: str) -> Iterator[None]:
    """Let processes that are started meanwhile have the environment that a Python needs."""
    needed = environment_of(python)
    if needed is None:
        yield
        return
    before = dict(os.environ)
    try:
        _set_environment(needed)
        yield
    finally:
        _set_environment(before)


def _set_environment(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def save_scenes(cases: Sequence[CohortInput], output: Path) -> int:
    """Save a scene for each case that has results and no scene that is as new.

    Parameters
    ----------
    cases : sequence of CohortInput
        The cohort.
    output : Path
        Its folder.

    Returns
    -------
    int
        0, or 1 where a scene could not be saved; the others are.
    """
    code = EXIT_DONE
    cohort = CohortFolder(output)
    for case in cases:
        folder = cohort.case_folder(case.name)
        scores, scene = folder / files.SCORES, folder / SCENE
        if not scores.is_file() or (scene.is_file() and scene.stat().st_mtime >= scores.stat().st_mtime):
            continue
        try:
            save_scene(case, folder)
        except CalcScoreError as error:
            print(f"calcscore: {case.name}: no scene, {error}", file=sys.stderr)
            code = EXIT_FAILED
    return code


def save_scene(case: CohortInput, folder: Path) -> Path:
    """Put a case with its results into an empty scene and save it.

    Parameters
    ----------
    case : CohortInput
        The case.
    folder : Path
        Folder with its results.

    Returns
    -------
    Path
        The scene, with the CTA in it.

    Raises
    ------
    InputError
        The CTA or the results cannot be read.
    CalcScoreError
        The scene cannot be saved.
    """
    scored, cta = read_scored(folder), read_input(case)
    terminology.load()
    slicer.mrmlScene.Clear(False)
    volume = add_volume(cta, case.name)
    # The files' grids are single precision; the CTA's own is exact.
    SceneCase.write(volume, scored.on_grid(cta.geometry))
    scene = folder / SCENE
    try:
        # A name with further dots is none that a scene can be saved under.
        with TemporaryDirectory(dir=folder, prefix=".scene-") as part:
            if not slicer.util.saveScene(str(Path(part, SCENE))) or not Path(part, SCENE).is_file():
                raise CalcScoreError("the scene could not be saved, is the disk full?")
            Path(part, SCENE).replace(scene)
    finally:
        slicer.mrmlScene.Clear(False)
    return scene


def run_script(arguments: Sequence[str]) -> None:
    """Run and leave the application with the exit code; an error that nobody foresaw is 1.

    Parameters
    ----------
    arguments : sequence of str
        As `run`; what stands before ``--`` belongs to the application.
    """
    own = list(arguments[arguments.index("--") + 1 :] if "--" in arguments else arguments)
    code = EXIT_FAILED
    try:
        code = run(own)
    except BaseException:
        # The window is not there to show it, and the application must not stay open.
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        slicer.util.exit(code)
