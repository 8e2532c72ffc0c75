# Mask R-CNN on ResNet-50: neuronal cells of three types, up to 790 in an image of 704x520 (Sartorius).
#
#   python tools/prepare.py cells downloads/sartorius
#   python tools/train.py configs/cells/mask-rcnn_r50_fpn_cells.py
#   python tools/test.py configs/cells/mask-rcnn_r50_fpn_cells.py
#
# Start from ImageNet: --cfg-options model.backbone.init_cfg.checkpoint=resnet50.pth
# Start from LIVECell: train mask-rcnn_r50_fpn_livecell.py first, then
#   --cfg-options load_from=work_dirs/mask-rcnn_r50_fpn_livecell/iter_40000.pth
#   (layers that depend on the number of classes start anew, and the log names them)
# Cost and result: not measured; made for one GPU of 24 GB. On two cores use the …_demo.py beside it.
_base_ = [
    '../_base_/models/mask_rcnn_r50_fpn.py',
    '../_base_/datasets/cells_instances.py',
    '../_base_/schedules/adamw_instances.py',
    '../_base_/runtime_instances.py',
]
tta_model = dict(views='hv')  # nothing is up under a microscope
scale = (1056, 780)  # 1.5 times: the smallest cells are some 10 pixels wide
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    dataset=dict(
        pipeline=[
            _base_.load,
            dict(type='RandomResize', scale=scale, ratio_range=(0.7, 1.4), keep_ratio=True),
            dict(type='InstanceCrop', size=640),
            _base_.flip,  # a dish has no up
            dict(type='PackDetInputs'),
        ]
    ),
)
resize = dict(type='Resize', scale=scale, keep_ratio=True)
test_pipeline = [_base_.test_pipeline[0], resize, *_base_.test_pipeline[2:]]
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
model = dict(
    rpn_head=dict(anchor_generator=dict(scales=[4])),  # 16, 32 … 256 pixels of the enlarged image
    roi_head=dict(
        bbox_roi_extractor=dict(finest_scale=112),  # all but the largest cells are read at stride 4
        mask_roi_extractor=dict(finest_scale=112),
    ),
    train_cfg=dict(rpn=dict(sampler=dict(num=512)), rpn_proposal=dict(nms_pre=3000, max_per_img=2000)),
    test_cfg=dict(
        rpn=dict(nms_pre=3000, max_per_img=3000),
        # Usually 100 at most: seven of eight cells of a full image would be cut off.
        rcnn=dict(max_per_img=1000),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=2e-4))
default_hooks = dict(checkpoint=dict(save_best='cells/mAP'))
train_cfg = dict(max_iters=20000, val_interval=2000)
