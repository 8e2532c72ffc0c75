# Multiclass semantic segmentation, 91 % background: the demo set, or your own in the same layout.
# Classes, colours and folders come from data/multiclass/dataset.json; the root moves with SEGLOOP_DATA.
data_root = '{{$SEGLOOP_DATA:data}}/multiclass'
demo = dict(task='multiclass', root=data_root, seed=0)  # drawn at the first training if the root is missing

train_pipeline = [
    dict(
        type='KeepInMemory',  # decoded once, as far as memory allows
        transforms=[dict(type='LoadImageFromFile'), dict(type='LoadIndexMask')],
    ),
    dict(type='RareClassCrop', size=128, prob=0.75),  # 44 % of a whole image's cost
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='RandomFlip', prob=0.5, direction='vertical'),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadIndexMask'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadIndexMask')],
            [dict(type='PackSegInputs')],
        ],
    ),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,  # one process decodes and augments while the cores train
    persistent_workers=True,
    sampler=dict(type='SegLoopSampler'),  # shuffled, endless, and a function of seed and position
    dataset=dict(type='SemanticDataset', data_root=data_root, split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SemanticDataset', data_root=data_root, split='val', pipeline=test_pipeline, test_mode=True
    ),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='SemanticDataset', data_root=data_root, split='test', pipeline=test_pipeline, test_mode=True
    ),
)
val_evaluator = dict(type='SegLoopSemanticMetric')
test_evaluator = val_evaluator
