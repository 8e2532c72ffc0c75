# Spacecraft as objects: solar panels, bodies, antennas. The demo set, or your own in the same layout.
# Classes, their order, colours and files come from data/spacecraft/dataset.json; SEGLOOP_DATA moves the root.
data_root = '{{$SEGLOOP_DATA:data}}/spacecraft'
demo = dict(task='spacecraft', root=data_root, seed=0)  # drawn at the first training if the root is missing

load = dict(
    type='KeepInMemory',  # decoded once, as far as memory allows
    transforms=[dict(type='LoadImageFromFile'), dict(type='LoadInstances')],
)
flip = dict(type='RandomFlip', prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal'])
train_pipeline = [load, flip, dict(type='PackDetInputs')]
meta_keys = ('img_id', 'image_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
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
test_dataloader = val_dataloader  # the authors give no other split
val_evaluator = dict(type='SegLoopInstanceMetric', scores=['spacecraft', 'match', 'coco'])
test_evaluator = val_evaluator
