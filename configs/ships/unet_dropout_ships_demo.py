# The recipe of unet_dropout_ships.py on the demo set: images of 192x192, ships of 8 to 76 pixels.
#
#   python tools/train.py configs/ships/unet_dropout_ships_demo.py
#   python tools/test.py configs/ships/unet_dropout_ships_demo.py --split val
#   python tools/tune.py configs/ships/unet_dropout_ships_demo.py
#   python tools/test.py configs/ships/unet_dropout_ships_demo.py
#
# Cost: 0.98 CPU seconds an iteration on an AMD EPYC with AVX2 (float32), 25 minutes of one core in all,
# and 40 CPU seconds a validation; 1.1 GB.
# Expect: a val ships/Dice of 72.2 (seed 0), and a ships/F2 of 83.0 if tuned for it; nothing found gives 77.5,
# threshold and components 32.4 (docs/experiments.md).
_base_ = ['./unet_dropout_ships.py']
train_pipeline = [
    dict(type='KeepInMemory', transforms=[dict(type='LoadImageFromFile'), dict(type='LoadIndexMask')]),
    dict(type='RareClassCrop', size=96, prob=0.75, by_object=True),  # the largest ship fits, and its quay
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='QuarterTurn'),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
train_cfg = dict(max_iters=1500, val_interval=750)
default_hooks = dict(checkpoint=dict(interval=750))
