# Mask R-CNN on ResNet-50 with group norm, from scratch: the eight classes of Cityscapes that have objects.
# Scales, crops, flips, colours, and objects pasted from other images.
#
#   python tools/prepare.py cityscapes downloads/cityscapes
#   python tools/train.py configs/cityscapes/mask-rcnn_r50-scratch_fpn_gn_cityscapes.py
#   python tools/test.py configs/cityscapes/mask-rcnn_r50-scratch_fpn_gn_cityscapes.py --split val
#
# Cost and result: not measured; made for one GPU of 40 GB. On two cores use the …_demo.py beside it.
_base_ = [
    '../_base_/models/mask_rcnn_r50_fpn_gn.py',
    '../_base_/datasets/cityscapes_instances.py',
    '../_base_/schedules/adamw_instances.py',
    '../_base_/runtime_instances.py',
]
num_classes = 8
scale = (2048, 1024)
train_dataloader = dict(
    batch_size=8,
    num_workers=8,
    dataset=dict(
        pipeline=[
            _base_.load,
            dict(type='RandomResize', scale=scale, ratio_range=(0.5, 1.5), keep_ratio=True),
            dict(type='InstanceCrop', size=(512, 1024)),
            dict(type='PasteInstances', prob=0.5),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackDetInputs'),
        ]
    ),
)
resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = [_base_.test_pipeline[0], resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
model = dict(
    roi_head=dict(bbox_head=dict(num_classes=num_classes), mask_head=dict(num_classes=num_classes)),
)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
default_hooks = dict(checkpoint=dict(save_best='cityscapes/AP'))
train_cfg = dict(max_iters=60000, val_interval=5000)
