# U-Net (Ronneberger et al., 2015, arXiv:1505.04597) with batch norm, and dropout inside the network.
# Any image size: levels that do not halve evenly are joined at their partner's size.
num_classes = 6
data_preprocessor = dict(
    type='SegDataPreProcessor',
    mean=[123.675, 116.28, 103.53],
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
        type='DropoutUNet',
        in_channels=3,
        channels=(16, 32, 64, 128, 256),  # 32 … 512 learns more per iteration, and three times slower
        dropout=(0.0, 0.0, 0.1, 0.2, 0.3),  # more where maps are few and hold meaning
    ),
    decode_head=dict(
        type='ClassifierHead',
        in_channels=16,
        in_index=4,
        channels=16,
        dropout_ratio=0.0,
        num_classes=num_classes,
        norm_cfg=norm_cfg,
        align_corners=False,
        init_cfg=dict(type='ClassPrior', background_share=0.9),  # without it the U-Net predicts nothing else
        loss_decode=[
            dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=1.0),
            dict(type='BatchDiceLoss', loss_weight=1.0, background=0),  # sees the 9 % that matter
        ],
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
