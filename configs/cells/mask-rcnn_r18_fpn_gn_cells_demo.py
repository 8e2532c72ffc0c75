# Mask R-CNN on a thin ResNet-18 with group norm, from scratch: neuronal cells, the demo set, two cores.
#
#   python tools/train.py configs/cells/mask-rcnn_r18_fpn_gn_cells_demo.py
#   python tools/tune.py work_dirs/mask-rcnn_r18_fpn_gn_cells_demo
#   python tools/test.py configs/cells/mask-rcnn_r18_fpn_gn_cells_demo.py
#
# Cost: 1500 iterations, 2.2 CPU seconds each on a busy core with AVX2 alone (float32), 57 minutes, 1.3 GB.
# Expect (seed 0): a val cells/mAP of 75.6, tuned 76.0, and 75.4 on test with the same thresholds; 69.0 on val
# after 500. Threshold and watershed give 18.8. AdamW had 73.3 on test after 2500 (docs/experiments.md).
_base_ = [
    '../_base_/models/mask_rcnn_r18_fpn_gn.py',
    '../_base_/datasets/cells_instances.py',
    '../_base_/schedules/muon_instances.py',
    '../_base_/runtime_instances.py',
]
tta_model = dict(views='hv')  # nothing is up under a microscope
larger = dict(type='Resize', scale_factor=2.0)  # cells are 14 pixels wide
train_dataloader = dict(dataset=dict(pipeline=[_base_.load, larger, *_base_.train_pipeline[1:]]))
test_pipeline = [_base_.test_pipeline[0], larger, *_base_.test_pipeline[2:]]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
model = dict(
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=500, max_per_img=200),  # an image holds up to 81 cells
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=500, max_per_img=300),
        rcnn=dict(max_per_img=200),
    ),
)
default_hooks = dict(checkpoint=dict(save_best='cells/mAP'))
optim_wrapper = dict(optimizer=dict(lr=2e-3))  # thin layers learn slowly at 1e-3
train_cfg = dict(max_iters=1500, val_interval=500)
