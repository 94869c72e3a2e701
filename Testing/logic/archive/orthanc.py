"""A real archive to store into and to retrieve from: Orthanc, on this machine only and gone afterwards."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/{what}", timeout=120) as answer:
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
    archive = Archive(*_free_ports(2))
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        # Nothing needs to outlast a power cut.
        "SyncStorageArea": False,
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
            process.wait(300)


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on; held together, so that none comes twice."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait_for(archive: Archive, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 300
    while True:
        try:
            archive.ask("system")
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
