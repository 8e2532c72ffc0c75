# The same for whole craft: one class, `spacecraft`. The parts of a craft, which the data know as a group, are
# joined when they are loaded, so both configs read the same data/spacecraft.
#
#   python tools/train.py configs/spacecraft/mask-rcnn_r50_fpn_spacecraft-craft.py
#
# Cost and result: not measured.
_base_ = ['./mask-rcnn_r50_fpn_spacecraft.py']
train_dataloader = dict(dataset=dict(join='spacecraft'))
val_dataloader = dict(dataset=dict(join='spacecraft'))
test_dataloader = dict(dataset=dict(join='spacecraft'))
model = dict(
    rpn_head=dict(anchor_generator=dict(ratios=[0.5, 1.0, 2.0])),
    roi_head=dict(bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)),
)
