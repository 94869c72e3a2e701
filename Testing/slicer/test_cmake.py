"""What CMake installs is all there is, and all that is there: by reading the lists, and by running cmake."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "CalcScore"

_SLICER = """
set(Slicer_USE_FILE ${CMAKE_CURRENT_LIST_DIR}/use.cmake)
set(Slicer_EXTENSION_GENERATE_CONFIG ${CMAKE_CURRENT_LIST_DIR}/empty.cmake)
set(Slicer_EXTENSION_CPACK ${CMAKE_CURRENT_LIST_DIR}/empty.cmake)
"""
_USE = """
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR lib/qt-scripted-modules)
set(Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR lib/qt-scripted-modules)
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  foreach(file ${MY_SCRIPTS} ${MY_RESOURCES})
    get_filename_component(folder ${file} DIRECTORY)
    install(FILES ${file} DESTINATION ${Slicer_INSTALL_QTSCRIPTEDMODULES_LIB_DIR}/${folder})
  endforeach()
endmacro()
"""


def _listed(variable: str) -> set[str]:
    """Read one `set` of CalcScore/CMakeLists.txt."""
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(rf"set\({variable}\s+([^)]*)\)", text)
    assert found is not None
    return set(found[1].replace("${MODULE_NAME}", "CalcScore").split())


def _tracked(*patterns: str) -> set[str]:
    return {path.relative_to(MODULE).as_posix() for pattern in patterns for path in MODULE.glob(pattern)}


def test_every_script_is_listed_and_every_listed_script_exists() -> None:
    assert _listed("MODULE_PYTHON_SCRIPTS") == _tracked("*.py", "CalcScoreLib/**/*.py")


def test_every_resource_that_the_module_reads_is_listed() -> None:
    assert _listed("MODULE_PYTHON_RESOURCES") == _tracked(
        "Resources/UI/*.ui", "Resources/Icons/*.png", "Resources/Terminology/*.json"
    )


def test_the_extension_is_described_for_the_index() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"^project\(CalcScore\)$", text, re.MULTILINE)
    for name in ("HOMEPAGE", "CATEGORY", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"):
        assert f"set(EXTENSION_{name} " in text
    icon = re.search(r"RAW_URL}/main/(\S+\.png)\"\)", text)
    assert icon is not None
    assert (ROOT / icon[1]).is_file()


@pytest.mark.skipif(shutil.which("cmake") is None or shutil.which("c++") is None, reason="no cmake or no compiler")
def test_cmake_installs_a_module_that_is_complete(tmp_path: Path) -> None:
    slicer = tmp_path / "slicer"
    slicer.mkdir()
    files = {"SlicerConfig.cmake": _SLICER, "use.cmake": _USE, "empty.cmake": ""}
    for name, content in files.items():
        (slicer / name).write_text(content)
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    configure = ["cmake", "-S", str(ROOT), "-B", str(build), f"-DSlicer_DIR={slicer}", "-DBUILD_TESTING=OFF"]
    for command in (configure, ["cmake", "--install", str(build), "--prefix", str(prefix)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    installed = prefix / "lib" / "qt-scripted-modules"
    # Slicer looks for modules among the scripts of this folder, and not below it.
    assert [path.name for path in installed.glob("*.py")] == ["CalcScore.py"]
    assert (installed / "CalcScoreLib" / "CalcScoreBatch.py").is_file()
    assert (installed / "Resources" / "UI" / "CalcScore.ui").is_file()
    for folder, source in (("CalcScoreLib", MODULE), ("CalcScoreLogic", ROOT)):
        here = {p.relative_to(source) for p in (source / folder).rglob("*.py")}
        assert {p.relative_to(installed) for p in (installed / folder).rglob("*.py")} == here
    built = build / "lib" / "qt-scripted-modules" / "CalcScoreLogic" / "__init__.py"
    assert built.is_file()
