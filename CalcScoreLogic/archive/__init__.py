"""Results as DICOM objects, for a hospital's archive: a segmentation and a structured report."""
