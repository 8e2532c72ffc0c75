# AdamW for Mask R-CNN from scratch: warm-up, then a cosine down to the end of training.
# One key sets the length: train_cfg.max_iters (a scheduler without `end` lasts as long as the training).
_base_ = ['./adamw.py']
# The first layer of the box head has thousands of inputs and no norm behind it, so it takes smaller steps
# (a guess: docs/experiments.md has one trial with it, and none that differs in it alone).
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(bbox_head=dict(lr_mult=0.1))))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=False, begin=100),
]
train_cfg = dict(max_iters=3000, val_interval=1000)
