# Mask R-CNN on a thin ResNet-18 with group norm everywhere, to learn from scratch on two cores.
# Half the usual channels pay for images of twice their size: stride 4, the finest that a ResNet gives, would
# leave three cells of it to an object of 12 pixels.
_base_ = ['./mask_rcnn_r50_fpn.py']
channels = 64  # of the pyramid and the heads
norm_cfg = dict(type='GN', num_groups=16, requires_grad=True)
roi_extractor = dict(
    out_channels=channels,
    finest_scale=28,  # an object of up to 56 pixels is read at stride 4
)
model = dict(
    type='GuidedMaskRCNN',
    guide=dict(  # every pixel teaches the backbone, not only those of 64 RoIs; gone when the model predicts
        type='PixelGuide', in_channels=channels, num_classes=3, norm_cfg=norm_cfg
    ),
    backbone=dict(depth=18, base_channels=32, stem_channels=32, norm_cfg=norm_cfg),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=channels, norm_cfg=norm_cfg),
    rpn_head=dict(
        in_channels=channels,
        feat_channels=channels,
        anchor_generator=dict(scales=[4]),  # 16, 32 … 256 pixels
    ),
    roi_head=dict(
        bbox_roi_extractor=roi_extractor,
        bbox_head=dict(
            in_channels=channels,
            fc_out_channels=256,
            reg_class_agnostic=True,  # one set of offsets and of masks learns from all classes
        ),
        mask_roi_extractor=roi_extractor,
        mask_head=dict(
            num_convs=2,
            in_channels=channels,
            conv_out_channels=channels,
            norm_cfg=norm_cfg,
            class_agnostic=True,
        ),
    ),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=128)),
        rpn_proposal=dict(nms_pre=300, max_per_img=100, min_bbox_size=2),
        rcnn=dict(sampler=dict(num=64, pos_fraction=0.5)),  # few images: each shows as many objects as it can
    ),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=150, min_bbox_size=2)),
)
