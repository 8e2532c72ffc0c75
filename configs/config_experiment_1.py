_base_ = [
    './_base_/models/deeplabv3plus_r50.py',
    './_base_/datasets/multiclass.py',
    './_base_/schedules/adamw.py',
    './_base_/runtime.py',
]
