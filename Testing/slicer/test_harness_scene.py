"""The scene side of the harness: hierarchy, events, views, files and the .mrb round trip."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
import vtk

from Testing.slicer import harness


def volume(value: int = 7, name: str = "CTA"):
    node = slicer.util.addVolumeFromArray(np.full((4, 5, 6), value, np.int16), name=name)
    node.SetSpacing(0.5, 0.75, 2.0)
    node.SetOrigin(-20.0, 10.0, 5.0)
    return node


def segmentation(reference):
    """One segment of eight voxels."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Arteries")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    segment = node.GetSegmentation().AddEmptySegment("aorta", "Aorta", (1.0, 0.0, 0.0))
    mask = np.zeros((4, 5, 6), np.uint8)
    mask[1:3, 1:3, 1:3] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, segment, reference)
    return node, mask


def item_names() -> list[str]:
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    items = slicer.util.getSubjectHierarchyItemChildren(hierarchy.GetSceneItemID())
    return [hierarchy.GetItemName(item) for item in items]


def test_hierarchy_items_appear_and_go_with_their_nodes():
    node = volume()
    segmentation(node)
    assert item_names() == ["CTA", "Arteries"]
    slicer.mrmlScene.RemoveNode(node)
    assert item_names() == ["Arteries"]


def test_hidden_nodes_get_no_item():
    node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLTextNode")
    node.SetHideFromEditors(True)
    slicer.mrmlScene.AddNode(node)
    assert item_names() == []


def test_an_item_can_be_moved_into_a_folder():
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "CalcScore")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(volume()), folder)
    assert item_names() == ["CalcScore"]


def test_mrb_round_trip(tmp_path):
    node = volume()
    arteries, mask = segmentation(node)
    arteries.GetSegmentation().GetSegment("aorta").SetTag("CalcScore.role", "aorta")
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Results")
    hierarchy.SetItemParent(hierarchy.GetItemByDataNode(arteries), folder)
    path = tmp_path / "scene ä.mrb"
    assert slicer.util.saveScene(str(path))
    slicer.mrmlScene.Clear(False)
    assert slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") == []
    slicer.util.loadScene(str(path))
    again, back = slicer.util.getNode("CTA"), slicer.util.getNode("Arteries")
    assert (slicer.util.arrayFromVolume(again) == 7).all()
    assert again.GetSpacing() == (0.5, 0.75, 2.0)
    assert (slicer.util.arrayFromSegmentBinaryLabelmap(back, "aorta", again) == mask).all()
    tag = vtk.reference("")
    assert back.GetSegmentation().GetSegment("aorta").GetTag("CalcScore.role", tag)
    assert str(tag) == "aorta"
    assert sorted(item_names()) == ["CTA", "Results"]


def test_the_scene_tells_of_closing_and_loading(tmp_path):
    volume()
    path = str(tmp_path / "scene.mrb")
    slicer.util.saveScene(path)
    scene, heard = slicer.mrmlScene, []
    names = ("StartCloseEvent", "EndCloseEvent", "StartImportEvent", "EndImportEvent")
    tags = [scene.AddObserver(getattr(scene, name), lambda *_, name=name: heard.append(name)) for name in names]
    scene.Clear(False)
    assert heard == ["StartCloseEvent", "EndCloseEvent"]
    heard.clear()
    slicer.util.loadScene(path)
    for tag in tags:
        scene.RemoveObserver(tag)
    assert heard[-2:] == ["StartImportEvent", "EndImportEvent"]


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz"])
def test_volume_files(tmp_path, suffix):
    path = str(tmp_path / f"ct{suffix}")
    assert slicer.util.saveNode(volume(3), path)
    back = slicer.util.loadVolume(path, {"name": "back"})
    assert (slicer.util.arrayFromVolume(back) == 3).all()
    assert back.GetOrigin() == pytest.approx((-20.0, 10.0, 5.0))
    assert back.GetName() == "back"


def test_segmentation_file(tmp_path):
    node = volume()
    arteries, mask = segmentation(node)
    path = str(tmp_path / "arteries.seg.nrrd")
    assert slicer.util.saveNode(arteries, path)
    back = slicer.util.loadSegmentation(path)
    assert back.GetName() == "arteries"
    assert (slicer.util.arrayFromSegmentBinaryLabelmap(back, "aorta", node) == mask).all()


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="Failed to load"):
        slicer.util.loadTable(str(tmp_path / "none.csv"))
    # The error log says why.
    assert "was not found" in harness.reported[0]
    harness.reported.clear()


def test_slice_views_show_and_jump():
    node = volume()
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    manager = slicer.app.layoutManager()
    composite = manager.sliceWidget("Red").mrmlSliceCompositeNode()
    assert composite.GetBackgroundVolumeID() == node.GetID()
    slicer.vtkMRMLSliceNode.JumpAllSlices(slicer.mrmlScene, -19.0, 11.5, 9.0, slicer.vtkMRMLSliceNode.CenteredJumpSlice)
    axes = {"Yellow": (0, -19.0), "Green": (1, 11.5), "Red": (2, 9.0)}  # sagittal at R, coronal at A, axial at S
    for name, (axis, position) in axes.items():
        assert manager.sliceWidget(name).mrmlSliceNode().GetSliceToRAS().GetElement(axis, 3) == position


@pytest.mark.parametrize("loaded", [False, True], ids=["closed", "loaded"])
def test_views_outlive_the_scene(tmp_path, loaded):
    slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    if loaded:
        slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    red = slicer.app.layoutManager().sliceWidget("Red").mrmlSliceNode()
    assert red.GetScene() is slicer.mrmlScene
    assert slicer.app.layoutManager().threeDWidget(0).mrmlViewNode().GetScene() is slicer.mrmlScene


def test_layout_changes():
    manager, heard = slicer.app.layoutManager(), []
    manager.connect("layoutChanged(int)", heard.append)
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    manager.layout = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
    assert heard == [3, 2]
    manager.disconnect("layoutChanged(int)", heard.append)


def test_node_combo_box_follows_the_scene():
    combo, heard = slicer.qMRMLNodeComboBox(), []
    combo.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    combo.noneEnabled = True
    combo.setMRMLScene(slicer.mrmlScene)
    assert combo.connect("currentNodeChanged(vtkMRMLNode*)", heard.append)
    assert combo.connect("currentNodeChanged(bool)", heard.append)
    assert combo.connect("currentNodeChanged(QString)", heard.append) is False
    node = volume()
    assert (combo.nodeCount(), combo.currentNode()) == (1, None)
    combo.setCurrentNode(node)
    slicer.mrmlScene.RemoveNode(node)
    assert heard == [node, True, None, False]


def test_node_combo_box_filters():
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = ("vtkMRMLVolumeNode",)
    combo.setMRMLScene(slicer.mrmlScene)
    first, second = volume(name="a"), volume(name="b")
    assert combo.currentNode() is first  # without "none" the first is chosen
    combo.addAttribute("vtkMRMLScalarVolumeNode", "role", "ct")
    assert combo.nodeCount() == 0
    second.SetAttribute("role", "ct")
    combo.addAttribute("vtkMRMLScalarVolumeNode", "role", "ct")
    assert combo.currentNode() is second
    combo.removeAttribute("vtkMRMLScalarVolumeNode", "role")
    combo.showChildNodeTypes = False
    assert combo.nodeCount() == 0


def test_a_deleted_combo_box_no_longer_listens():
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    combo.setMRMLScene(slicer.mrmlScene)
    combo.delete()
    volume()
    assert harness.reported == []


def test_segment_editor_shares_its_node():
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
    editor.setMRMLSegmentEditorNode(node)
    source = volume()
    arteries, _ = segmentation(source)
    heard = []
    editor.connect("segmentationNodeChanged(vtkMRMLSegmentationNode*)", heard.append)
    editor.setSegmentationNode(arteries)
    editor.setSourceVolumeNode(source)
    editor.setCurrentSegmentID("aorta")
    editor.setActiveEffectByName("Paint")
    assert heard == [arteries]
    assert node.GetSegmentationNode() is arteries
    assert (node.GetSelectedSegmentID(), node.GetActiveEffectName()) == ("aorta", "Paint")
    with pytest.raises(ValueError, match="Airbrush"):
        editor.setActiveEffectByName("Airbrush")


def test_segments_table_follows_the_segmentation():
    table = slicer.qMRMLSegmentsTableView()
    table.setMRMLScene(slicer.mrmlScene)
    arteries, _ = segmentation(volume())
    table.setSegmentationNode(arteries)
    table.setSelectedSegmentIDs(["aorta"])
    assert table.selectedSegmentIDs() == ("aorta",)
    arteries.GetSegmentation().AddEmptySegment("iliac", "Iliac")
    assert table.segmentCount == 2
