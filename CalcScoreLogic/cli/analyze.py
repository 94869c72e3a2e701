"""``calcscore analyze``: from a CTA to its scores, with networks or with arteries and thresholds from elsewhere."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..inference.remaining_time import duration
from .models import store_folder
from .outcome import Outcome, add_dicom_option, add_shortening_options, make_place
from .progress import stage
from .score import case_parameters, summary
from .sources import NETWORKS, ChosenSources, add_source_options, chosen_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..images.artery_files import ArteryFormat
    from ..images.geometry import Geometry, Image
    from ..inference.options import InferenceOptions
    from ..inference.protocol import Message
    from ..models import Model


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "analyze",
        help="score a CTA, with the networks or with arteries from another tool",
        description="Label arteries and calcification with both network ensembles, shorten and score. Arteries from "
        "another tool take the territory networks' place, a threshold that of the calcification networks; with both, "
        "no network and none of its packages is needed.",
    )
    parser.add_argument("cta", type=Path, metavar="CTA", help="CT angiography: a file or a DICOM folder")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--weights", metavar="TERRITORY=W,…", help="also give a composite score with these weights")
    add_source_options(parser, "territory map, or another tool's label map or folder of masks", "SEG_OR_DIR")
    add_dicom_option(parser)
    add_shortening_options(parser)
    add_inference_options(parser)
    return parser


def add_inference_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which models run, and how."""
    parser.add_argument("--territory-model", metavar="NAME", help="installed model or folder (default: the newest)")
    parser.add_argument("--calcification-model", metavar="NAME", help="installed model or folder (default: the newest)")
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of the installed models")
    parser.add_argument(
        "--profile",
        choices=("full", "standard", "quick"),
        default="full",
        help="full: as in the paper (default); standard: no mirrored copies; quick: one fold, coarse tiles",
    )
    parser.add_argument("--folds", metavar="N,…", help="folds to average, e.g. 0,1 (default: the profile's)")
    parser.add_argument("--no-mirroring", action="store_true", help="leave out the mirrored copies: faster, less exact")
    parser.add_argument("--step-size", type=float, metavar="S", help="tile step, 0.1 to 1 (default: the profile's)")
    parser.add_argument(
        "--full",
        action="store_true",
        dest="whole_volume",
        help="look for calcification far from the trimmed arteries too: slower, the same scores",
    )
    parser.add_argument(
        "--first-look",
        action="store_true",
        help="let one fold find the arteries and label around them only: faster where the scan covers much more",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), default="auto", help="default: a GPU if any"
    )
    add_engine_option(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")
    parser.add_argument("--python", metavar="FILE", help="Python that has torch and nnunetv2 (default: this one)")


def add_engine_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says what computes the networks on a CPU."""
    parser.add_argument(
        "--engine",
        choices=("auto", "torch", "openvino", "openvino-bf16"),
        default="auto",
        help="what computes on a CPU (default: OpenVINO if it is installed)",
    )


class _Reading:
    """Reads the CTA, while the networks' process starts, and tells how long they will take.

    Parameters
    ----------
    path : Path
        File or DICOM folder.
    foretell : callable
        Says how long the networks will take on a grid.

    Attributes
    ----------
    forecast : str
        What `foretell` says, once the grid is known.
    """

    def __init__(self, path: Path, foretell: Callable[[Geometry], str]) -> None:
        self._path, self._foretell = path, foretell
        self.forecast = ""

    @cached_property
    def cta(self) -> Image:
        """The CTA; it is read when it is first asked for."""
        from ..images.files import read_ct, refuse_label_map

        stage("reading")
        cta = read_ct(self._path)
        refuse_label_map(cta, str(self._path))
        self.forecast = self._foretell(cta.geometry)
        stage(self.forecast)
        return cta


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..archive.objects import DicomOrder
    from ..archive.source import check_source
    from ..cohort.inputs import single_input
    from ..quality.codes import WarningCode, coded
    from ..report.case_folder import check_place, write_case
    from ..sources import analyze

    parameters = case_parameters(options)
    sources = chosen_sources(options)
    models = chosen_models(options, sources)
    networks = inference_options(options, models)
    make_place(options.output)
    case, inputs = single_input(options.cta), {"cta": options.cta}
    arteries: Image | None = None
    told: tuple[str, ...] = ()
    if sources.arteries is not None:
        inputs |= sources.arteries.files(Path(options.arteries))
    check_place(options.output, inputs.values())
    order = DicomOrder(case.files, case.name) if options.dicom else None
    if order is not None:
        check_source(order.files, order.name)
    reading = _Reading(
        options.cta, lambda grid: forecast_text(models, grid, networks) if models and not options.json else ""
    )
    if sources.arteries is not None:
        arteries, told = _read_arteries(Path(options.arteries), sources.arteries, reading)
    scored = analyze(
        case.name,
        lambda: reading.cta,
        models,
        parameters,
        networks,
        options.python,
        teller(lambda: reading.forecast),
        inputs,
        arteries=arteries,
        calcification=sources.calcification,
    )
    warnings = (*case.warnings, *coded(WarningCode.OTHER_TOOL, told), *scored.result.warnings)
    scored = replace(scored, result=replace(scored.result, warnings=warnings))
    stage("writing")
    write_case(options.output, reading.cta, scored, order, stage)
    return Outcome([summary(scored.result)], scored.result.to_dict(), list(scored.result.warnings))


def _read_arteries(path: Path, how: ArteryFormat, reading: _Reading) -> tuple[Image, tuple[str, ...]]:
    """Read arteries that another tool has segmented, and what is to be told of them."""
    from ..images.segment_files import is_segment_file

    # Segments are laid onto the CTA's grid, so that the CTA has to be read first.
    grid = reading.cta.geometry if is_segment_file(path) or how.knows(path) else None
    stage("reading the arteries")
    return how.read(path, grid)


def inference_options(options: argparse.Namespace, models: Sequence[Model]) -> InferenceOptions:
    """Read how the networks are run: the profile, and what is given beside it."""
    from ..inference.profiles import Profile

    given: dict[str, Any] = {name: getattr(options, name) for name in ("whole_volume", "first_look", "engine")}
    if options.folds is not None:
        try:
            given["folds"] = tuple(int(fold) for fold in options.folds.split(","))
        except ValueError:
            raise InputError(f"--folds: {options.folds!r} is not a list of numbers such as 0,1") from None
    if options.no_mirroring:
        given["mirroring"] = False
    if options.step_size is not None:
        given["step_size"] = options.step_size
    # A fold that is given takes the place of the profile's, which the models may lack.
    profile = Profile(options.profile).options(() if "folds" in given else models, options.device, options.threads)
    return replace(profile, **given)


def chosen_models(options: argparse.Namespace, sources: ChosenSources = NETWORKS) -> Sequence[Model]:
    """Find the models that are needed, each checked."""
    from ..models import Role, check, find

    store = store_folder(options)
    names = {Role.TERRITORIES: options.territory_model, Role.CALCIFICATION: options.calcification_model}
    chosen = []
    for role, name in names.items():
        if role not in sources.roles:
            if name:
                raise InputError(f"{name}: no network labels {role.value} with these options, leave the model out")
            continue
        model = check(Path(name)) if name and Path(name).is_dir() else find(role, store, name)
        if model.role is not role:
            raise InputError(f"{name}: this model labels {model.role.value}, choose one for {role.value}")
        chosen.append(model)
    return chosen


def forecast_text(models: Sequence[Model], grid: Geometry, networks: InferenceOptions) -> str:
    """Say how long the networks will take; empty where nothing is known of a graphics card."""
    from ..inference.expected_time import forecast_seconds
    from ..inference.profiles import in_words
    from ..inference.speed_history import expected

    speeds = expected(networks, models)
    if speeds is None:
        return ""
    seconds = forecast_seconds(models, grid.size, grid.spacing, networks, speeds)
    return f"about {duration(seconds)} on this machine ({in_words(networks, models)})"


def teller(expected: Callable[[], str] = str) -> Callable[[Message], None]:
    """Make a listener that shows the networks' progress, and what `expected` gives until the time left is known."""
    from ..inference.protocol import Progress

    def tell(message: Message) -> None:
        if isinstance(message, Progress):
            fold = f", fold {message.fold} of {message.folds}" if message.fold else ""
            left = expected() if message.seconds_left is None else f"{duration(message.seconds_left)} left"
            stage(f"{100 * message.fraction:3.0f} %  {message.stage}{fold}{' · ' if left else ''}{left}")

    return tell
