"""Every class and function of nnU-Net v2 that a model folder may name.

nnU-Net imports what `plans.json`, `dataset.json` and a checkpoint name, and calls it. A name that is not
listed here is refused before nnU-Net sees it. The lists are those of nnU-Net 2.8.1, which include those of the
versions before it.
"""

from __future__ import annotations

NETWORKS = frozenset(
    {
        "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet",
        "dynamic_network_architectures.architectures.residual_unet.ResidualEncoderUNet",
    }
)
"""``architecture.network_class_name``: what nnU-Net's planners write."""

OLD_NETWORKS = frozenset({"PlainConvUNet", "ResidualEncoderUNet"})
"""``UNet_class_name`` of plans from before nnU-Net 2.4."""

_BLOCKS = ("BasicBlockD", "BottleneckD")
_OPERATIONS = {
    "conv": ("Conv1d", "Conv2d", "Conv3d"),
    "instancenorm": ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    "batchnorm": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"),
    "dropout": ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
    "activation": ("ELU", "GELU", "LeakyReLU", "Mish", "PReLU", "ReLU", "SiLU"),
}

OPERATIONS = frozenset(
    {f"torch.nn.{name}" for names in _OPERATIONS.values() for name in names}
    | {f"torch.nn.modules.{module}.{name}" for module, names in _OPERATIONS.items() for name in names}
    | {f"dynamic_network_architectures.building_blocks.residual.{name}" for name in _BLOCKS}
)
"""Values inside ``architecture.arch_kwargs``: layers of a network."""

PREPROCESSORS = frozenset({"DefaultPreprocessor"})

RESAMPLING = frozenset(
    {"resample_data_or_seg_to_shape", "resample_torch_simple", "resample_torch_fornnunet", "no_resampling_hack"}
)

NORMALIZATIONS = frozenset(
    {
        "CTNormalization",
        "NoNormalization",
        "RGBTo01Normalization",
        "RescaleTo01Normalization",
        "ZScoreNormalization",
    }
)

LABEL_MANAGERS = frozenset({"LabelManager"})

READERS = frozenset(
    {
        "NaturalImage2DIO",
        "NibabelIO",
        "NibabelIOWithReorient",
        "SimpleITKIO",
        "SimpleITKIOWithReorient",
        "Tiff3DIO",
    }
)

PLANNERS = frozenset(
    {
        "ExperimentPlanner",
        "ResEncUNetPlanner",
        "nnUNetPlannerResEncL",
        "nnUNetPlannerResEncL_noResampling",
        "nnUNetPlannerResEncL_torchres",
        "nnUNetPlannerResEncL_torchres_sepz",
        "nnUNetPlannerResEncM",
        "nnUNetPlannerResEncXL",
        "nnUNetPlanner_torchres",
    }
)

_EPOCHS = "1epoch 5epochs 10epochs 20epochs 50epochs 100epochs 250epochs 500epochs 750epochs 2000epochs 4000epochs"
_VARIANTS = f"""
    {" ".join("_" + length for length in _EPOCHS.split())} _8000epochs
    _250epochs_NoMirroring _2000epochs_NoMirroring _4000epochs_NoMirroring _8000epochs_NoMirroring
    Adam Adam1en3 Adam3en4 VanillaAdam VanillaAdam1en3 VanillaAdam3en4
    Adan Adan1en1 Adan1en3 Adan3en4 AdanCosAnneal CosAnneal _warmup
    BN NoDeepSupervision Benchmark_5epochs Benchmark_5epochs_noDataLoading
    CELoss CELoss_5epochs DiceLoss DiceCELoss_noSmooth Topk10Loss Topk10LossLS01 DiceTopK10Loss
    DA5 DA5ord0 DA5Segord0 DA5_10epochs NoDA _noDummy2DDA _DASegOrd0 _DASegOrd0_NoMirroring
    NoMirroring _onlyMirror01 _onlyMirror01_1500ep _onlyMirror01_DASegOrd0 _onlyMirror01_DA5
    _probabilisticOversampling _probabilisticOversampling_010 _probabilisticOversampling_033
"""
_PRIMUS = """
    nnUNet_Primus_S_Trainer nnUNet_Primus_B_Trainer nnUNet_Primus_M_Trainer nnUNet_Primus_L_Trainer
    nnUNet_Primus_M_Trainer_BS8 nnUNet_Primus_M_Trainer_BS8_2e4 nnUNet_Trainer_BS8
    nnUNet_PrimusV2S_Trainer nnUNet_PrimusV2B_Trainer nnUNet_PrimusV2M_Trainer nnUNet_PrimusV2L_Trainer
    nnUNet_PrimusV3S_Trainer nnUNet_PrimusV3B_Trainer nnUNet_PrimusV3M_Trainer nnUNet_PrimusV3L_Trainer
    _Primus_S_96_BS1 _Primus_B_96_BS1 _Primus_M_96_BS1 _Primus_L_48_BS1
"""

TRAINERS = frozenset({"nnUNetTrainer", *(f"nnUNetTrainer{variant}" for variant in _VARIANTS.split()), *_PRIMUS.split()})
"""``trainer_name`` of a checkpoint: nnU-Net's trainer and its own variants."""

PICKLED = frozenset(
    {
        "_codecs.encode",
        "collections.OrderedDict",
        "numpy._core.multiarray.scalar",
        "numpy.core.multiarray.scalar",
        "numpy.dtype",
        "torch.Size",
        "torch._utils._rebuild_parameter",
        "torch._utils._rebuild_tensor_v2",
        "torch.device",
        "torch.storage.UntypedStorage",
        *(
            f"torch.{kind}Storage"
            for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
        ),
    }
)
"""Everything that the pickle in a checkpoint of nnU-Net names."""

_OPERATION_NAMES = """
    PROTO STOP MARK GLOBAL REDUCE BUILD NEWOBJ BINPERSID BINPUT LONG_BINPUT BINGET LONG_BINGET
    NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINSTRING
    EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS EMPTY_SET
"""
PICKLE_OPERATIONS = frozenset(_OPERATION_NAMES.split())
"""The steps of a pickle that PyTorch's own safe loading knows, by their names in `pickletools`."""
