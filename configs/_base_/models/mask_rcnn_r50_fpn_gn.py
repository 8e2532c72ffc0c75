# Mask R-CNN on ResNet-50 with group norm everywhere (Wu & He, 2018, arXiv:1803.08494): it learns from
# scratch with a few images a batch, where batch norm does not (He et al., 2018, arXiv:1811.08883).
_base_ = ['./mask_rcnn_r50_fpn.py']
norm_cfg = dict(type='GN', num_groups=32, requires_grad=True)
model = dict(
    backbone=dict(norm_cfg=norm_cfg),
    neck=dict(norm_cfg=norm_cfg),
    roi_head=dict(
        bbox_head=dict(type='Shared4Conv1FCBBoxHead', conv_out_channels=256, norm_cfg=norm_cfg),
        mask_head=dict(norm_cfg=norm_cfg),
    ),
)
