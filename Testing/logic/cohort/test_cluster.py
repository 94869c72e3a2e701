"""A cohort on a Dask cluster: the same tables, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from CalcScoreLogic.cli import main
from CalcScoreLogic.cohort.state import STATE_FOLDER
from CalcScoreLogic.models import Role
from Testing.logic.cohort_cases import make_cases, make_models, network_options, tables, until
from Testing.logic.other_tool_cases import write_case

pytest.importorskip("nnunetv2", reason="nnunetv2 and torch are not installed")
distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")

LABEL_MAPS = ("territories.nii.gz", "shortened.nii.gz", "calcification.nii.gz", "overview.png", "scores.csv")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[Role, Path]:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cases, one of them cut short."""
    folder = make_cases(tmp_path_factory.mktemp("cohort"), 4)
    broken = folder / "case_2" / "cta.nii.gz"
    broken.write_bytes(broken.read_bytes()[:-300])
    return folder


@pytest.fixture(scope="module")
def here(source: Path, models: dict[Role, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What this machine makes without a cluster."""
    output = tmp_path_factory.mktemp("here") / "out"
    assert main(["batch", str(source), "-o", str(output), *network_options(models)]) == 1
    return output


@contextmanager
def cluster_of(scratch: Path, *resources: dict[str, float]) -> Iterator[Any]:
    """A scheduler, and a worker process with one thread for each of `resources`."""
    options = {"nthreads": 1, "local_directory": str(scratch)}
    workers = {
        number: {"cls": distributed.Nanny, "options": {**options, "resources": own}}
        for number, own in enumerate(resources)
    }
    scheduler = {"cls": distributed.Scheduler, "options": {"dashboard": False, "port": 0, "host": "127.0.0.1"}}
    with distributed.SpecCluster(scheduler=scheduler, workers=workers, silence_logs="CRITICAL") as made:
        yield made


def batch(source: Path, output: Path, models: dict[Role, Path], cluster: Any) -> int:
    address = cluster.scheduler_address
    return main(["batch", str(source), "-o", str(output), *network_options(models), "--scheduler", address])


def assert_same(output: Path, here: Path) -> None:
    assert tables(output) == tables(here)
    for folder in here.glob("case_*"):
        for name in LABEL_MAPS:
            assert (output / folder.name / name).read_bytes() == (folder / name).read_bytes(), (folder.name, name)


def test_a_worker_is_killed_and_the_tables_are_the_same(
    here: Path, source: Path, models: dict[Role, Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    killed: list[int] = []

    def kill(cluster: Any) -> None:
        # Connected before: the cases that are left take no longer than that.
        with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
            until(lambda: list((output / STATE_FOLDER).glob("case_*.json")))
            until(lambda: any(client.processing().values()))
            busy = {address for address, tasks in client.processing().items() if tasks}
        nanny = next(nanny for nanny in cluster.workers.values() if nanny.worker_address in busy)
        os.kill(nanny.pid, signal.SIGKILL)
        killed.append(nanny.pid)

    with cluster_of(tmp_path / "scratch", {}, {}) as cluster:
        killer = threading.Thread(target=kill, args=(cluster,))
        killer.start()
        assert batch(source, output, models, cluster) == 1
        killer.join()
    assert len(killed) == 1
    assert_same(output, here)


def test_workers_with_a_gpu_take_the_networks(
    here: Path, source: Path, models: dict[Role, Path], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    with cluster_of(tmp_path / "scratch", {"GPU": 1}, {}) as cluster:
        with_gpu, without = (cluster.workers[n].worker_address for n in range(2))
        client = distributed.Client(cluster.scheduler_address, set_as_default=False)
        with client, distributed.get_task_stream(client) as seen:
            assert batch(source, output, models, cluster) == 1
    assert_same(output, here)
    ran = {kind: {row["worker"] for row in seen.data if row["key"].startswith(kind)} for kind in ("label", "score")}
    assert ran["label"] == {with_gpu}
    # Where it has nothing else to do, the worker with the GPU may take some.
    assert without in ran["score"]


def test_a_worker_that_cannot_load_the_networks_is_named(
    source: Path, models: dict[Role, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with cluster_of(tmp_path / "scratch", {}) as cluster:
        options = [*network_options(models), "--scheduler", cluster.scheduler_address, "--python", "/no/such/python"]
        assert main(["batch", str(source), "-o", str(tmp_path / "out"), *options]) == 1
        address = cluster.workers[0].worker_address
    told = capsys.readouterr().err
    assert f"cannot be loaded on the worker {address}: /no/such/python: this Python cannot be started" in told


def test_a_scheduler_that_is_not_there_is_named(
    source: Path, models: dict[Role, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*network_options(models), "--scheduler", "nonsense://here"]
    assert main(["batch", str(source), "-o", str(tmp_path / "out"), *options]) == 2
    assert "nonsense://here: no Dask scheduler answers there" in capsys.readouterr().err


def test_arteries_and_a_threshold_need_no_network_on_the_workers(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for seed in range(2):
        write_case(source / f"case_{seed}", seed)
    options = ["--arteries", "masks", "--preset", "totalsegmentator", "--python", "/no/such/python"]
    assert main(["batch", str(source), "-o", str(tmp_path / "here"), *options]) == 0
    with cluster_of(tmp_path, {}) as cluster:
        command = ["batch", str(source), "-o", str(tmp_path / "there"), *options]
        assert main([*command, "--scheduler", cluster.scheduler_address]) == 0
    assert_same(tmp_path / "there", tmp_path / "here")
