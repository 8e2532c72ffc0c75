_base_ = [
    './_base_/models/unet_dropout.py',
    './_base_/datasets/multiclass.py',
    './_base_/schedules/adamw.py',
    './_base_/runtime.py',
]
