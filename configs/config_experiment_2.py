# U-Net with batch norm and dropout, from scratch, multiclass semantic segmentation, 91 % background.
#
#   python tools/train.py configs/config_experiment_2.py
#   python tools/test.py configs/config_experiment_2.py
_base_ = [
    './_base_/models/unet_dropout.py',
    './_base_/datasets/multiclass.py',
    './_base_/schedules/adamw.py',
    './_base_/runtime.py',
]
