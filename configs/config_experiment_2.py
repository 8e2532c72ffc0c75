# U-Net with batch norm and dropout, from scratch, multiclass semantic segmentation, 91 % background.
#
#   python tools/train.py configs/config_experiment_2.py
#   python tools/test.py configs/config_experiment_2.py
#
# Cost: 1000 iterations, 6 minutes on two cores of an AMD EPYC (AVX512-BF16), 1 GB;
# 1 s an iteration on two cores with AVX2 alone.
# Expect: test mDice 92.8, mDice_fg 91.5 (seed 0); mDice_fg 81 on val after 400 iterations.
_base_ = [
    './_base_/models/unet_dropout.py',
    './_base_/datasets/multiclass.py',
    './_base_/schedules/muon.py',
    './_base_/runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=4e-3))  # thin layers learn slowly at DeepLabV3+'s 1e-3
train_cfg = dict(max_iters=1000, val_interval=250)
