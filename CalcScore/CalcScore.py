"""CalcScore: what Slicer looks for, and nothing else; the work is in CalcScoreLib and in the package CalcScoreLogic."""

# ruff: noqa: N802, PT009 - names and assertions are those of Slicer's self tests

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
from CalcScoreLib.translation import _
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# Slicer imports this file whenever it starts: scipy and the rest come when the module is used.
if TYPE_CHECKING:
    from CalcScoreLib.analysis import Sources
    from CalcScoreLib.scene.case import SceneCase


class CalcScore(ScriptedLoadableModule):
    """The module's entry: title, category, help."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("CalcScore")
        parent.categories = [_("Quantification")]
        parent.contributors = ["CalcScore contributors"]
        parent.helpText = _(
            "Measures arterial calcification of the abdominal aorta and its iliac, mesenteric and renal branches on "
            "contrast CT angiography (CTA). Choose the CTA and press Analyze; correct the segments where needed, and "
            "Rescore. CalcScore is research software, not a medical device."
        )
        parent.acknowledgementText = _(
            "The networks are nnU-Net ensembles (Isensee et al., Nature Methods 2021, doi:10.1038/s41592-020-01008-z)."
        )
        slicer.app.connect("startupCompleted()", _on_startup)


def _on_startup() -> None:
    from CalcScoreLib.scene import sample_data, terminology

    sample_data.register()
    terminology.load()


class CalcScoreWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The module's page."""

    panel: Any = None  # where it cannot be built, Slicer calls what follows all the same

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)

    def setup(self) -> None:
        """Build the page."""
        from CalcScoreLib.panel.page import Panel

        ScriptedLoadableModuleWidget.setup(self)
        root = slicer.util.loadUI(self.resourcePath("UI/CalcScore.ui"))
        self.layout.addWidget(root)
        root.setMRMLScene(slicer.mrmlScene)
        self.logic = CalcScoreLogic()
        self.panel = Panel(root, slicer.util.childWidgetVariables(root))
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_scene_closes)
        # A wrapper made before a scene was loaded answers wrongly after it.
        self.addObserver(scene, scene.EndCloseEvent, self._on_new_scene)
        self.addObserver(scene, scene.StartImportEvent, self._on_scene_loads)
        self.addObserver(scene, scene.EndImportEvent, self._on_loaded_scene)
        self._use_parameter_node()

    def enter(self) -> None:
        """Show the page."""
        if self.panel is not None:
            if self.panel.parameters is None or self.panel.parameters.cta is None:
                self._use_parameter_node()
            self.panel.enter()

    def exit(self) -> None:
        """Leave the page."""
        if self.panel is not None:
            self.panel.leave()

    def cleanup(self) -> None:
        """End everything."""
        self.removeObservers()
        if self.panel is not None:
            self.panel.close()

    def _on_scene_closes(self, caller: Any, event: Any) -> None:
        self.panel.forget_scene()

    def _on_new_scene(self, caller: Any, event: Any) -> None:
        if not slicer.mrmlScene.IsClosing():
            self._use_parameter_node()

    def _on_scene_loads(self, caller: Any, event: Any) -> None:
        self.panel.hold()

    def _on_loaded_scene(self, caller: Any, event: Any) -> None:
        self.panel.restore()
        self._use_parameter_node()

    def _use_parameter_node(self) -> None:
        from CalcScoreLib.panel.parameters import CalcScoreParameters

        self.panel.set_parameters(CalcScoreParameters(self.logic.getParameterNode()))


class CalcScoreLogic(ScriptedLoadableModuleLogic):
    """For scripts: analyzes without a page."""

    def analyze(self, volume: Any, sources: Sources | None = None, **options: Any) -> SceneCase:
        """Analyze a CTA and wait for the end.

        Parameters
        ----------
        volume : vtkMRMLScalarVolumeNode
            The CTA.
        sources : Sources, optional
            Where arteries and calcification come from; the networks by default.
        **options
            See `CalcScoreLib.analysis.analyze`.

        Returns
        -------
        SceneCase
            The nodes: `arteries`, `calcification`, `table`, `record`.
        """
        from CalcScoreLib.analysis import analyze

        return analyze(volume, sources, **options)


class CalcScoreTest(ScriptedLoadableModuleTest):
    """The module's self test on phantoms: a threshold, and the starter networks; no download."""

    def setUp(self) -> None:
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run all tests."""
        self.setUp()
        self.test_threshold_on_phantom()
        self.test_starter_networks()

    def test_threshold_on_phantom(self) -> None:
        """Score a phantom; the calcified volume must be that of a plain count of its voxels."""
        from CalcScoreLib.analysis import SegmentsSource, Sources, ThresholdSource
        from CalcScoreLib.scene.other_segmentations import guess_structures
        from CalcScoreLib.scene.sample import add_truth
        from CalcScoreLib.scene.volumes import add_volume

        from CalcScoreLogic.phantom import PhantomParameters, make_phantom

        self.delayDisplay(_("Making a phantom"))
        phantom = make_phantom(PhantomParameters(seed=1, spacing=(3.0, 3.0, 3.0)))
        volume = add_volume(phantom.cta, "Phantom")
        truth = add_truth(phantom, volume)
        sources = Sources(SegmentsSource(truth, guess_structures(truth)), ThresholdSource(470.0))
        case = CalcScoreLogic().analyze(volume, sources)
        kept = slicer.util.arrayFromSegmentBinaryLabelmap(case.calcification, case.segment_id("aorta"), volume) > 0
        counted = float((kept & (phantom.cta.array >= 470)).sum()) * 27.0
        aorta = case.result().scores.territories["aorta"]
        self.assertAlmostEqual(aorta.calcified_volume_mm3, counted)
        self.assertAlmostEqual(aorta.artery_volume_mm3, float(kept.sum()) * 27.0)
        self.assertGreater(counted, 0.0)
        self.delayDisplay(_("Test passed"))

    def test_starter_networks(self) -> None:
        """Analyze a phantom with one fold of the starter networks; its arteries must have about their true volume."""
        from CalcScoreLib.install import missing_packages
        from CalcScoreLib.scene.volumes import add_volume

        from CalcScoreLogic.inference.options import InferenceOptions
        from CalcScoreLogic.models import Model, list_models
        from CalcScoreLogic.phantom import PhantomParameters, make_phantom

        missing = [package.name for package in missing_packages(networks=True)]
        models = [] if missing else [model for model in list_models() if isinstance(model, Model) and model.bundled]
        if not models:
            names = ", ".join(missing) or _("starter networks")
            self.delayDisplay(_("Networks not tested, what is missing: {names}").format(names=names))
            return
        self.setUp()
        self.delayDisplay(_("Running the starter networks"))
        phantom = make_phantom(PhantomParameters(seed=3, spacing=(2.0, 2.0, 2.0)))
        options = InferenceOptions(folds=(0,), mirroring=False)
        case = CalcScoreLogic().analyze(add_volume(phantom.cta, "Phantom"), models=models, options=options)
        combined = case.result().scores.territories["combined"]
        # The trimmed arteries of this phantom; one network of five, in voxels larger than those it learned from.
        self.assertAlmostEqual(combined.artery_volume_mm3 / 1000.0, 31.7, delta=9.5)
        self.delayDisplay(_("Test passed"))
