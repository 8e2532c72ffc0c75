# Mask R-CNN on ResNet-18 with group norm, from scratch: parts of spacecraft, the demo set, two cores.
#
#   python tools/train.py configs/spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo.py
#   python tools/test.py configs/spacecraft/mask-rcnn_r18_fpn_gn_spacecraft_demo.py
_base_ = [
    '../_base_/models/mask_rcnn_r18_fpn_gn.py',
    '../_base_/datasets/spacecraft_instances.py',
    '../_base_/schedules/adamw.py',
    '../_base_/runtime_instances.py',
]
train_cfg = dict(max_iters=4000, val_interval=1000)
