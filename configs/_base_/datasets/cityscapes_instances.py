# Traffic in streets: the eight classes of Cityscapes that have objects. The demo set, or the real one.
# Classes, their order, colours and files come from data/cityscapes/dataset.json; SEGLOOP_DATA moves the root.
data_root = '{{$SEGLOOP_DATA:data}}/cityscapes'
demo = dict(task='cityscapes', root=data_root, seed=0)  # drawn at the first training if the root is missing

load = dict(
    type='KeepInMemory',  # decoded once, as far as memory allows
    transforms=[dict(type='LoadImageFromFile'), dict(type='LoadInstances')],
)
flip = dict(type='RandomFlip', prob=0.5)
train_pipeline = [load, flip, dict(type='PackDetInputs')]
# unscored: pixels of what nobody scores (void), which cityscapes/AP has to know
meta_keys = ('img_id', 'image_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'unscored')
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale_factor=1.0),  # what is found is scaled back by what stands here
    dict(type='LoadInstances'),
    dict(type='PackDetInputs', meta_keys=meta_keys),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=1,  # one process decodes and augments while the cores train
    persistent_workers=True,
    sampler=dict(type='SegLoopSampler'),  # shuffled, endless, and a function of seed and position
    dataset=dict(type='InstanceDataset', data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='InstanceDataset', data_root=data_root, split='val', pipeline=test_pipeline, test_mode=True
    ),
)
test_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='InstanceDataset', data_root=data_root, split='test', pipeline=test_pipeline, test_mode=True
    ),
)
val_evaluator = dict(type='SegLoopInstanceMetric', scores=['cityscapes', 'match', 'coco'])
test_evaluator = val_evaluator
