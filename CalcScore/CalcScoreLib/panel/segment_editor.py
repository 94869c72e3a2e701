"""The module Segment Editor, set up for a task, put back afterwards, and told of what can be undone there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer

from ..background_work import InSteps
from ..incremental_work import Steps
from ..scene import structures
from ..scene.case import SceneCase
from ..scene.display import show_full_arteries
from ..scene.editing import EditorState, editor_node, prepare_for_arteries, prepare_for_plaques, threshold_steps

_MODULE = "SegmentEditor"

_Prepare = Callable[[Any], None]
"""Sets an editor up for a task."""


class SegmentEditorAccess:
    """Opens the Segment Editor.

    Parameters
    ----------
    say : callable
        Shows a sentence of trouble.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._before: EditorState | None = None
        self._work = InSteps(self._prepared)
        window = slicer.util.mainWindow()
        if window is not None:
            window.moduleSelector().connect("moduleSelected(QString)", self._module_selected)

    def edit_plaques(self, case: SceneCase) -> None:
        """Open it for the calcification: inside the arteries, from the case's threshold on."""
        self._work.start(_plaque_steps(case))

    def edit_arteries(self, case: SceneCase, structure: str) -> None:
        """Open it for an artery, trimmed or at full length."""
        self.cancel()
        if structure.startswith(structures.FULL):
            show_full_arteries(case, True)
        self._open(lambda editor: prepare_for_arteries(editor, case, structure))

    def save_undo_state(self, segmentation: Any) -> None:
        """Let the Segment Editor undo what is about to be changed, unless it is busy with another segmentation."""
        if slicer.util.mainWindow() is None:
            return
        node = editor_node(slicer.mrmlScene)
        if node.GetSegmentationNode() is None:
            node.SetAndObserveSegmentationNode(segmentation)
        if node.GetSegmentationNode() is not segmentation:
            return
        widget = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        if widget.mrmlSegmentEditorNode() is None:
            widget.setMRMLSegmentEditorNode(node)
        widget.saveStateForUndo()

    def put_back(self) -> None:
        """Set the editor to what it was set to before."""
        before, self._before = self._before, None
        if before is not None:
            before.put_back(editor_node(slicer.mrmlScene))

    def forget(self) -> None:
        """Let go of a scene that is about to close."""
        self.cancel()
        self._before = None

    def cancel(self) -> None:
        """Do not open it after all."""
        self._work.forget()

    def close(self) -> None:
        """Put the editor back and listen no longer: the module goes away."""
        self.cancel()
        self.put_back()
        window = slicer.util.mainWindow()
        if window is not None:
            window.moduleSelector().disconnect("moduleSelected(QString)", self._module_selected)

    def _prepared(self, prepare: _Prepare | None, error: BaseException | None) -> None:
        if prepare is None:
            self._say(str(error))
        else:
            self._open(prepare)

    def _open(self, prepare: _Prepare) -> None:
        editor = editor_node(slicer.mrmlScene)
        if self._before is None:
            self._before = EditorState.of(editor)
        prepare(editor)
        slicer.util.selectModule(_MODULE)
        # A segmentation that is new to the editor gets its first segment selected.
        prepare(editor)

    def _module_selected(self, name: str) -> None:
        if name != _MODULE:
            self.put_back()


def _plaque_steps(case: SceneCase) -> Steps[_Prepare]:
    """Find, in pieces, how an editor is set up for the plaques of a case."""
    threshold_hu = yield from threshold_steps(case)
    return lambda editor: prepare_for_plaques(editor, case, threshold_hu)
