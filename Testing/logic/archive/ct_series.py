"""CT series as a scanner writes them, from any image: what the DICOM objects are made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from CalcScoreLogic.images.geometry import Geometry, Image

PATIENT = {"PatientName": "Quillfeather^Marmaduke", "PatientID": "ZX4711Q", "PatientBirthDate": "19230417"}
STUDY = {
    "StudyDate": "20240229",
    "StudyTime": "101112",
    "StudyID": "77",
    "AccessionNumber": "ACC99817",
    "ReferringPhysicianName": "Bloodworth^Hepzibah",
    "StudyDescription": "CTA abdomen",
}


def write_ct_series(folder: Path, cta: Image, **changes: Any) -> Path:
    """Write an image as a CT series; `changes` are DICOM keywords of every slice, None removes one.

    The direction of k has to be that of the slices' normal. The files' names run against their order.
    """
    folder.mkdir(parents=True)
    grid = cta.geometry
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")}
    for k in range(grid.size[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        name = folder / f"IM{grid.size[2] - k:05d}"
        data = FileDataset(str(name), {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        described = {
            **PATIENT,
            **STUDY,
            **uids,
            **_place(grid, k),
            "PatientSex": "M",
            "Modality": "CT",
            "SeriesDescription": "CTA 1.0 Bf40",
            "SeriesNumber": 3,
            "Manufacturer": "Scanner",
            "PositionReferenceIndicator": "",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "KVP": "100",
            "AcquisitionNumber": 1,
            "InstanceNumber": k + 1,
            "Rows": grid.size[1],
            "Columns": grid.size[0],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "PixelRepresentation": 1,
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "RescaleSlope": 1,
            "RescaleIntercept": 0,
            "RescaleType": "HU",
            "PixelData": np.ascontiguousarray(cta.array[k], "<i2").tobytes(),
            **changes,
        }
        for keyword, value in described.items():
            if value is not None:
                setattr(data, keyword, value)
        data.save_as(str(name), enforce_file_format=True)
    return folder


def _place(grid: Geometry, k: int) -> dict[str, Any]:
    """Give position, orientation and spacing of a slice."""
    return {
        "ImagePositionPatient": [f"{v:.10g}" for v in grid.to_physical([0, 0, k])],
        "ImageOrientationPatient": [f"{v:.10g}" for v in (*grid.matrix[:, 0], *grid.matrix[:, 1])],
        "PixelSpacing": [f"{grid.spacing[1]:.10g}", f"{grid.spacing[0]:.10g}"],
        "SliceThickness": f"{grid.spacing[2]:.10g}",
    }
