"""The top of the panel: which CTA, and where arteries and calcification come from."""

from __future__ import annotations

from typing import Any

import ctk
import qt
import slicer

from CalcScoreLogic.errors import InputError

from ..scene import structures
from ..scene.other_segmentations import guess_structures
from ..scene.volumes import check_volume, only_volume, sequence_proxies, volume_warnings
from ..translation import _
from .adaptive_preview import AdaptivePreview, can_preview
from .bindings import Bindings
from .parameters import NETWORK, SEGMENTS, THRESHOLD, CalcScoreParameters, correct_mapping, mapping_of
from .preview import ThresholdPreview

_TALLEST = 150


class SourcesView:
    """CTA selector, choices of the sources, table of segments, preview of the threshold.

    Parameters
    ----------
    ui : object
        Widgets of the panel by name.
    bindings : Bindings
        Takes the widgets in.
    """

    def __init__(self, ui: Any, bindings: Bindings) -> None:
        self._ui = ui
        self._parameters: CalcScoreParameters | None = None
        self._mapped: tuple[Any, ...] = ()
        self._listed: tuple[Any, ...] = ()
        self._preview = ThresholdPreview()
        self._adaptive = AdaptivePreview(self._show_preview)
        bindings.node(ui.ctaSelector, "cta")
        bindings.node(ui.arterySegmentationSelector, "artery_segmentation")
        bindings.node(ui.calcificationSegmentationSelector, "calcification_segmentation")
        bindings.choice({NETWORK: ui.arteriesNetworkRadio, SEGMENTS: ui.arteriesSegmentsRadio}, "arteries_from")
        bindings.choice(
            {
                NETWORK: ui.calcificationNetworkRadio,
                THRESHOLD: ui.calcificationThresholdRadio,
                SEGMENTS: ui.calcificationSegmentsRadio,
            },
            "calcification_from",
        )
        bindings.check(ui.adaptiveCheck, "adaptive")
        bindings.number(ui.thresholdSpin, "threshold_hu")
        # What adds a volume goes on to give it its voxels and its name.
        ui.ctaSelector.connect(
            "nodeAdded(vtkMRMLNode*)", lambda node: qt.QTimer.singleShot(0, self._look_at_new_volumes)
        )
        ui.previewCheck.connect("toggled(bool)", lambda checked: self._show_preview())
        ui.calcificationSegmentCombo.connect("currentIndexChanged(int)", self._keep_segment)
        ui.mappingTable.horizontalHeader().hide()
        ui.mappingTable.verticalHeader().hide()

    def show(self, parameters: CalcScoreParameters) -> None:
        """Bring everything up to date."""
        self._parameters, ui = parameters, self._ui
        self._hide_proxies()
        ui.arterySegmentsFrame.setVisible(parameters.arteries_from == SEGMENTS)
        ui.thresholdFrame.setVisible(parameters.calcification_from == THRESHOLD)
        ui.calcificationSegmentFrame.setVisible(parameters.calcification_from == SEGMENTS)
        ui.thresholdSpin.setVisible(not parameters.adaptive)
        self._list_arteries()
        self._list_segments()
        self._show_preview()

    def problem(self) -> str:
        """Say why the chosen CTA cannot be analyzed; empty where it can be, or none is chosen."""
        if self._parameters is None or self._parameters.cta is None:
            return ""
        try:
            check_volume(self._parameters.cta)
        except InputError as error:
            return str(error)
        return ""

    def note(self) -> str:
        """Say what a reader should know of the CTA, e.g. that it is one frame of a sequence."""
        cta = self._parameters.cta if self._parameters else None
        return " ".join(volume_warnings(cta)) if cta is not None else ""

    def lock(self, locked: bool) -> None:
        """Let nothing be chosen while a run goes on."""
        self._ui.inputsFrame.setEnabled(not locked)

    def hide_segmentations(self) -> None:
        """Hide the segmentations that arteries and calcification were taken from: ours show the same."""
        parameters = self._parameters
        if parameters is None:
            return
        for used, node in (
            (parameters.arteries_from == SEGMENTS, parameters.artery_segmentation),
            (parameters.calcification_from == SEGMENTS, parameters.calcification_segmentation),
        ):
            if used and node is not None and node.GetDisplayNode() is not None:
                node.GetDisplayNode().SetVisibility(False)

    def hide_preview(self) -> None:
        """Take the preview of the threshold away."""
        self._ui.previewCheck.setChecked(False)
        self._preview.hide()
        self._adaptive.forget()

    def _look_at_new_volumes(self) -> None:
        """List what was loaded while the page is shown; choose it where nothing is chosen and it is the only volume."""
        # The page may have gone meanwhile: a deleted widget is falsy.
        if not self._ui.ctaSelector:
            return
        self._hide_proxies()
        parameters, volume = self._parameters, only_volume(slicer.mrmlScene)
        if parameters is None or parameters.cta is not None or volume is None or volume.GetImageData() is None:
            return
        parameters.cta = volume

    def _hide_proxies(self) -> None:
        """List no volume that shows one frame of a sequence: which one may change at any time."""
        hidden = [node.GetID() for node in sequence_proxies(slicer.mrmlScene)]
        filtered = self._ui.ctaSelector.sortFilterProxyModel()
        if list(filtered.hiddenNodeIDs) != hidden:
            filtered.hiddenNodeIDs = hidden

    def _show_preview(self) -> None:
        parameters, ui = self._parameters, self._ui
        if parameters is None:
            return
        possible = not parameters.adaptive or can_preview(parameters)
        ui.previewCheck.setEnabled(possible)
        wanted = possible and ui.previewCheck.checked and parameters.calcification_from == THRESHOLD
        threshold_hu = self._threshold(parameters) if wanted and not self.problem() else None
        ui.previewCheck.setText(_preview_text(threshold_hu if parameters.adaptive else None))
        ui.previewCheck.setToolTip(self._adaptive.problem or _preview_tip(possible))
        if parameters.cta is not None and threshold_hu is not None:
            self._preview.show(parameters.cta, threshold_hu)
        else:
            self._preview.hide()

    def _threshold(self, parameters: CalcScoreParameters) -> float | None:
        """Give the threshold to show; None as long as it is not found."""
        if not parameters.adaptive:
            return parameters.threshold_hu
        self._adaptive.look_at(parameters)
        return self._adaptive.threshold_hu

    def _list_arteries(self) -> None:
        """List the segments with what each is, when they are others than before."""
        parameters, table = self._parameters, self._ui.mappingTable
        assert parameters is not None  # noqa: S101  called by show
        mapping = mapping_of(parameters)
        node = parameters.artery_segmentation
        names = {name: node.GetSegmentation().GetSegment(name).GetName() for name in mapping}
        # What is used comes first: a segmentation of the whole body has a hundred others.
        ordered = sorted(mapping.items(), key=lambda item: item[1] is None)
        mapped = tuple((name, names[name], key) for name, key in ordered)
        table.setVisible(bool(mapped))
        # Whatever the order: what is corrected stays under the user's hand.
        if set(mapped) == set(self._mapped):
            return
        self._mapped = mapped
        table.setRowCount(0)
        table.setColumnCount(2)
        table.setRowCount(len(mapped))
        for row, (name, title, key) in enumerate(mapped):
            item = qt.QTableWidgetItem(title)
            item.setToolTip(title)
            table.setItem(row, 0, item)
            table.setCellWidget(row, 1, self._structure_combo(name, key))
        table.resizeRowsToContents()
        rows = sum(table.rowHeight(row) for row in range(table.rowCount))
        table.setFixedHeight(min(rows + 2 * table.frameWidth, _TALLEST))
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.horizontalHeader().setSectionResizeMode(1, qt.QHeaderView.ResizeToContents)

    def _structure_combo(self, segment_id: str, key: str | None) -> Any:
        combo = ctk.ctkComboBox()
        combo.scrollWheelEffect = ctk.ctkComboBox.NeverScroll
        combo.addItem(_("not used"), "")
        for known in structures.TERRITORY_KEYS:
            combo.addItem(structures.title(known), known)
        combo.setCurrentIndex(max(combo.findData(key or ""), 0))
        combo.connect("currentIndexChanged(int)", lambda index: self._correct(segment_id, combo.itemData(index)))
        return combo

    def _correct(self, segment_id: str, key: str) -> None:
        if self._parameters is not None:
            # What the table shows is known already; it must not be made anew under the user's hand.
            self._mapped = tuple((n, t, (key or None) if n == segment_id else k) for n, t, k in self._mapped)
            correct_mapping(self._parameters, segment_id, key or None)

    def _list_segments(self) -> None:
        """List the segments that could be the calcification; the first guess is chosen."""
        parameters, combo = self._parameters, self._ui.calcificationSegmentCombo
        assert parameters is not None  # noqa: S101  called by show
        node = parameters.calcification_segmentation
        guessed = guess_structures(node) if node is not None else {}
        listed = tuple((name, node.GetSegmentation().GetSegment(name).GetName()) for name in guessed)
        combo.setVisible(bool(listed))
        if listed != self._listed:
            self._listed = listed
            combo.blockSignals(True)
            combo.clear()
            for name, title in listed:
                combo.addItem(title, name)
            combo.blockSignals(False)
        if listed and parameters.calcification_segment not in guessed:
            likely = [name for name, key in guessed.items() if key == structures.CALCIFICATION]
            parameters.calcification_segment = (likely or list(guessed))[0]
        combo.blockSignals(True)
        combo.setCurrentIndex(combo.findData(parameters.calcification_segment))
        combo.blockSignals(False)

    def _keep_segment(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.calcification_segment = self._ui.calcificationSegmentCombo.itemData(index)


def _preview_text(adaptive_hu: float | None) -> str:
    """Name the preview, with the threshold that was found."""
    if adaptive_hu is None:
        return _("Preview on the slices")
    return _("Preview on the slices: {hu:.0f} HU").format(hu=adaptive_hu)


def _preview_tip(possible: bool) -> str:
    if possible:
        return _("Colour all voxels at or above the value, inside and outside of the arteries")
    return _("The value is found in the arteries, so it can be shown before the analysis only where these are segments")
