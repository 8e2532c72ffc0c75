# Pretraining for cells on LIVECell (Edlund et al., 2021), or on any data set in COCO's form: change the four
# names below, or give them as --cfg-options. Nothing is downloaded.
#
#   python tools/train.py configs/cells/mask-rcnn_r50_fpn_livecell.py
#   python tools/train.py configs/cells/mask-rcnn_r50_fpn_cells.py \
#     --cfg-options load_from=work_dirs/mask-rcnn_r50_fpn_livecell/iter_40000.pth
#
# Images in a folder for each type of cells, as in the Sartorius download? They are to lie in one:
#   mv data/livecell/images/livecell_train_val_images/*/*.tif data/livecell/images/livecell_train_val_images/
# Cost and result: not measured.
_base_ = ['./mask-rcnn_r50_fpn_cells.py']
data_root = '{{$SEGLOOP_DATA:data}}/livecell'
images = dict(img='images/livecell_train_val_images')
classes = ('cell',)  # one class: the objects of all types of cells
data = dict(
    data_root=data_root,
    data_prefix=images,
    metainfo=dict(classes=classes, palette=[(0, 160, 120)]),
    drop=['repeated'],  # 65 training images are listed twice, with the objects of two annotators
)
train_dataloader = dict(dataset=dict(**data, ann_file='livecell_coco_train.json'))
val_dataloader = dict(dataset=dict(**data, ann_file='livecell_coco_val.json'))
test_dataloader = dict(dataset=dict(**data, ann_file='livecell_coco_val.json'))
model = dict(
    roi_head=dict(bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)),
    test_cfg=dict(rpn=dict(nms_pre=5000, max_per_img=5000), rcnn=dict(max_per_img=3000)),  # up to 3000 cells
)
demo = None
train_cfg = dict(max_iters=40000, val_interval=4000)
