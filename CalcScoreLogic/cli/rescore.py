"""``calcscore rescore``: corrected segments back into the results of a case and of its cohort."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..case_files import DICOM_OBJECTS, files_of, real_path
from ..errors import InputError
from .outcome import Outcome, add_dicom_option
from .progress import stage
from .score import summary

if TYPE_CHECKING:
    from ..archive.objects import DicomOrder


def add(commands: Any) -> argparse.ArgumentParser:
    """Describe the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "rescore",
        help="score corrected segments again",
        description="Take corrected segments back into the results of a case, and of the cohort it belongs to. "
        "The scores are marked as edited.",
    )
    parser.add_argument(
        "corrected",
        type=Path,
        metavar="CORRECTED",
        help=".seg.nrrd file, DICOM segmentation, label map named shortened, calcification or territories, or a "
        "folder with them",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="case or cohort with the results"
    )
    parser.add_argument("--cta", type=Path, metavar="CTA", help="the case's CTA (default: cta.* beside the segments)")
    add_dicom_option(parser)
    parser.add_argument("--observer", metavar="NAME", help="name who corrected in scores.dcm (default: nobody)")
    return parser


def run(options: argparse.Namespace) -> Outcome:
    """Do it."""
    from ..archive.objects import write_objects
    from ..cohort.apply_correction import correct, correct_in_place
    from ..cohort.case_results import case_of, cta_of, is_in_place, read_scored
    from ..cohort.correction_files import read_correction
    from ..cohort.report import write_cohort_page
    from ..cohort.state import CohortFolder
    from ..cohort.tables import read_tables
    from ..images.common_grid import aligned
    from ..images.files import read_ct
    from ..report.case_folder import write_case

    folder = case_of(options.corrected, options.output)
    if real_path(options.corrected) in [real_path(folder / name) for name in DICOM_OBJECTS]:
        raise InputError(f"{options.corrected}: the new results would take its place, move it out of the folder first")
    cohort = CohortFolder(real_path(folder).parent)
    with cohort.locked() if cohort.exists() else nullcontext():
        stage("reading")
        order = _order(options)
        before = read_scored(folder)
        source = options.cta or cta_of(options.corrected, folder)
        cta = read_ct(source)
        cta = aligned(before.shortened, cta, str(folder), str(source))
        stage("scoring")
        if is_in_place(options.corrected, folder):
            after = correct_in_place(before, cta)
        else:
            after = correct(before, read_correction(options.corrected, before.territories, before.shortened), cta)
        stage("writing")
        if after is not None:
            write_case(folder, cta, after, order, stage)
        elif order is not None:
            write_objects(folder, before, order, stage)
        if cohort.exists():
            # Also where nothing differs: a rescore that was killed may not have come to the tables.
            read_tables(cohort)[0].write()
            write_cohort_page(cohort.path)
    if after is None:
        told = f"{before.result.case}: no voxel differs from the results, they stay as they are"
        return Outcome([told], before.result.to_dict())
    rows = ", ".join(after.result.edited)
    return Outcome([f"{summary(after.result)}; edited: {rows}"], after.result.to_dict(), after.result.warnings)


def _order(options: argparse.Namespace) -> DicomOrder | None:
    """Check, before any work, what the DICOM objects are made for; None where none are wanted."""
    from ..archive.objects import DicomOrder
    from ..archive.source import check_source

    if not options.dicom:
        if options.observer:
            raise InputError("--observer names who corrected in scores.dcm, give --dicom too")
        return None
    if options.cta is None:
        raise InputError("--dicom needs the CTA as it came from the archive, give its DICOM folder with --cta")
    order = DicomOrder(files_of(options.cta), "the CTA", options.observer)
    check_source(order.files, order.name)
    return order
