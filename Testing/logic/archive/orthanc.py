"""A real archive to store into and to retrieve from: Orthanc, on this machine only and gone afterwards."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Archive:
    """A running Orthanc."""

    dicom_port: int
    http_port: int

    def ask(self, what: str) -> Any:
        """Ask its own interface, e.g. for ``studies``."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/{what}", timeout=20) as answer:
            return json.load(answer)

    def modalities_by_study(self) -> dict[str, list[str]]:
        """List the series of each study, by study instance UID."""
        found = {}
        for study in self.ask("studies?expand"):
            series = (self.ask(f"series/{one}")["MainDicomTags"]["Modality"] for one in study["Series"])
            found[study["MainDicomTags"]["StudyInstanceUID"]] = sorted(series)
        return found


@contextmanager
def running(folder: Path) -> Iterator[Archive]:
    """Run Orthanc with all that it keeps in a folder."""
    assert PROGRAM is not None
    archive = Archive(_free_port(), _free_port())
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "HttpPort": archive.http_port,
        "DicomPort": archive.dicom_port,
        "DicomAet": "ARCHIVE",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        # Nobody but this machine is let in.
        "DicomAlwaysAllowStore": False,
        "DicomCheckModalityHost": True,
        "DicomModalities": {
            name.lower(): {"AET": name, "Host": "127.0.0.1", "Port": 4, "AllowStore": True, "AllowGet": True}
            for name in ("STORESCU", "GETSCU")
        },
        "Plugins": [],
    }
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps(settings))
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([PROGRAM, str(folder / "settings.json")], stdout=log, stderr=log)
        try:
            _wait_for(archive, process, folder / "log.txt")
            yield archive
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(archive: Archive, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            archive.ask("system")
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
