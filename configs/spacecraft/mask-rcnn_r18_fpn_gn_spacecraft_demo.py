# Mask R-CNN on a thin ResNet-18 with group norm, from scratch: parts of spacecraft, the demo set, two cores.
#
#   python tools/train.py configs/spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo.py
#   python tools/test.py configs/spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo.py
#
# Cost: 5600 iterations of 2 images, .8 CPU seconds each on a busy core with AVX2 alone (float32), 1.0 GB.
# Expect: some 75 minutes of one core or 41 of two (99 or 60 in a slow hour); val image_fgIoU 76.8 and
# mIoU 61.1 (seed 0); with thresholds that `tools/tune.py` finds for mIoU 77.2 and 61.8. With 6400
# iterations 77.7 and 63.2, and with --tta (four views), tuned, 79.9 and 64.1.
_base_ = [
    '../_base_/models/mask_rcnn_r18_fpn_gn.py',
    '../_base_/datasets/spacecraft_instances.py',
    '../_base_/schedules/muon_instances.py',
    '../_base_/runtime_instances.py',
]
tta_model = dict(views='hv')  # nothing is up in space
larger = dict(type='Resize', scale_factor=1.5)
train_dataloader = dict(
    batch_size=2,  # twice the steps in the same time get further than 4: docs/experiments.md
    dataset=dict(
        pipeline=[
            _base_.load,
            dict(type='RandomResize', scale=(288, 216), ratio_range=(0.8, 1.25), keep_ratio=True),
            *_base_.train_pipeline[1:],
        ]
    )
)
test_pipeline = [_base_.test_pipeline[0], larger, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
default_hooks = dict(checkpoint=dict(save_best='spacecraft/image_fgIoU'))
optim_wrapper = dict(optimizer=dict(lr=2e-3))  # thin layers learn slowly at 1e-3
train_cfg = dict(max_iters=5600, val_interval=1400)
