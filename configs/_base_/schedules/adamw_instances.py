# AdamW for Mask R-CNN from scratch: warm-up, then a cosine down to the end of training.
# One key sets the length: train_cfg.max_iters (a scheduler without `end` lasts as long as the training).
_base_ = ['./adamw.py']
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=100),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=False, begin=100),
]
train_cfg = dict(max_iters=3000, val_interval=1000)
