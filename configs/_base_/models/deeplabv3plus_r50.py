# DeepLabV3+ (Chen et al., 2018, arXiv:1802.02611) on ResNet-50, output stride 16, for images of some 200 px.
# At stride 8 most of what the dilated kernels read in them would be padding, at four times the cost.
# Start from ImageNet with your own file in torchvision's layout (nothing is downloaded):
#   --cfg-options model.backbone.init_cfg.checkpoint=resnet50.pth
num_classes = 6
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],  # ImageNet's, so that ImageNet weights fit
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size_divisor=1,  # images of one batch are padded to the largest; no model here needs more
)
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='SegLoopEncoderDecoder',
    data_preprocessor=data_preprocessor,
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 2, 1),  # the last stage keeps stride 16 …
        dilations=(1, 1, 1, 2),  # … and sees as far by dilation
        norm_cfg=norm_cfg,
        norm_eval=False,
        style='pytorch',  # stride in the 3x3, as torchvision's weights want it
        contract_dilation=True,
        init_cfg=dict(type='ResNetWeights', checkpoint=None),
    ),
    decode_head=dict(
        type='DepthwiseSeparableASPPHead',
        in_channels=2048,
        in_index=3,
        channels=256,
        dilations=(1, 3, 6, 9),  # on 12x12 maps the usual 6, 12, 18 would reach past the edge
        c1_in_channels=256,
        c1_channels=48,
        dropout_ratio=0.1,
        num_classes=num_classes,
        norm_cfg=norm_cfg,
        align_corners=False,
        init_cfg=dict(type='ClassPrior', background_share=0.9),
        loss_decode=[
            dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
            dict(type='BatchDiceLoss', loss_weight=1.0, background=0),  # sees the 9 % that matter
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
