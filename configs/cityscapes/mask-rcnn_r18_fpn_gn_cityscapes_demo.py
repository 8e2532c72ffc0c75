# Mask R-CNN on a thin ResNet-18 with group norm, from scratch: traffic in streets, the demo set, two cores.
#
#   python tools/train.py configs/cityscapes/mask-rcnn_r18_fpn_gn_cityscapes_demo.py
#   python tools/test.py configs/cityscapes/mask-rcnn_r18_fpn_gn_cityscapes_demo.py
#
# Cost: 1000 iterations, 1.4 CPU seconds each on a busy core with AVX2 alone (float32), 1.0 GB.
# Expect: a val cityscapes/AP of 24.3 (COCO's segm_mAP 19.9; seed 1: 23.9) in 24 minutes of one core;
# clustering of colours gives 1.9, AdamW gave 10.1. Longer trainings by Muon were not measured.
_base_ = [
    '../_base_/models/mask_rcnn_r18_fpn_gn.py',
    '../_base_/datasets/cityscapes_instances.py',
    '../_base_/schedules/muon_instances.py',
    '../_base_/runtime_instances.py',
]
num_classes = 8
larger = dict(type='Resize', scale_factor=2.0)  # half of the objects are less than 20 pixels wide
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.load,
            dict(type='RandomResize', scale=(896, 448), ratio_range=(0.7, 1.2), keep_ratio=True),
            dict(type='InstanceCrop', size=320),
            *_base_.train_pipeline[1:],
        ]
    )
)
test_pipeline = [_base_.test_pipeline[0], larger, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(
    guide=dict(num_classes=num_classes),
    roi_head=dict(bbox_head=dict(num_classes=num_classes), mask_head=dict(num_classes=num_classes)),
)
default_hooks = dict(checkpoint=dict(save_best='cityscapes/AP'))
optim_wrapper = dict(optimizer=dict(lr=2e-3))  # thin layers learn slowly at 1e-3
train_cfg = dict(max_iters=1000, val_interval=500)
