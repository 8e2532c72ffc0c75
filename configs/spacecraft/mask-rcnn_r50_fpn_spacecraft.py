# Mask R-CNN on ResNet-50: solar panels, bodies and antennas of spacecraft (University of Adelaide, 1280x720).
#
#   python tools/prepare.py spacecraft downloads/SatelliteDataset
#   python tools/train.py configs/spacecraft/mask-rcnn_r50_fpn_spacecraft.py
#   python tools/test.py configs/spacecraft/mask-rcnn_r50_fpn_spacecraft.py
#
# Start from ImageNet: --cfg-options model.backbone.init_cfg.checkpoint=resnet50.pth (nothing is downloaded)
# Cost and result: not measured; made for one GPU of 24 GB. On two cores use the …_demo.py beside it.
_base_ = [
    '../_base_/models/mask_rcnn_r50_fpn.py',
    '../_base_/datasets/spacecraft_instances.py',
    '../_base_/schedules/adamw_instances.py',
    '../_base_/runtime_instances.py',
]
tta_model = dict(views='hv')  # nothing is up in space
scale = (960, 540)
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    dataset=dict(
        pipeline=[
            _base_.load,
            dict(type='RandomResize', scale=scale, ratio_range=(0.7, 1.3), keep_ratio=True),
            _base_.flip,  # space has no up
            dict(type='PhotoMetricDistortion'),
            dict(type='PackDetInputs'),
        ]
    ),
)
resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = [_base_.test_pipeline[0], resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(
    rpn_head=dict(anchor_generator=dict(ratios=[0.4, 1.0, 2.5])),  # panels are long
)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
default_hooks = dict(checkpoint=dict(save_best='spacecraft/image_fgIoU'))
train_cfg = dict(max_iters=20000, val_interval=2000)
