# DeepLabV3+ on ResNet-50 (output stride 16), from scratch, multiclass semantic segmentation, 91 % background.
#
#   python tools/train.py configs/config_experiment_1.py
#   python tools/test.py configs/config_experiment_1.py
_base_ = [
    './_base_/models/deeplabv3plus_r50.py',
    './_base_/datasets/multiclass.py',
    './_base_/schedules/adamw.py',
    './_base_/runtime.py',
]
