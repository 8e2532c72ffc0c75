# Ships from above: one class, 78 % of the images empty, half of the ships smaller than 120 pixels.
# Classes, colours and folders come from data/ships/dataset.json; the root moves with SEGLOOP_DATA.
data_root = '{{$SEGLOOP_DATA:data}}/ships'
demo = dict(task='ships', root=data_root, seed=0)  # drawn at the first training if the root is missing

train_pipeline = [
    dict(
        type='KeepInMemory',  # decoded once, as far as memory allows
        transforms=[dict(type='LoadImageFromFile'), dict(type='LoadIndexMask')],
    ),
    dict(type='RareClassCrop', size=256, prob=0.9, by_object=True),  # a boat counts as much as a tanker
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='QuarterTurn'),  # seen from above, no side is up
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadIndexMask'),
    dict(type='PackSegInputs'),
]
tta_keys = (  # mmseg's own, and how a view lies
    *('img_path', 'seg_map_path', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor'),
    *('flip', 'flip_direction', 'reduce_zero_label', 'quarter_turns'),
)
tta_pipeline = [  # as predict.py's --tta hvr
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='QuarterTurn', turns=0),
                dict(type='QuarterTurn', turns=1),
                dict(type='QuarterTurn', turns=2),
                dict(type='QuarterTurn', turns=3),
            ],
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadIndexMask')],
            [dict(type='PackSegInputs', meta_keys=tta_keys)],
        ],
    ),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=1,  # one process decodes and augments while the cores train
    persistent_workers=True,
    # A third of each pass shows no ship: enough to learn what is none, and most steps see some.
    sampler=dict(type='EmptyShareSampler', empty_share=0.33),
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
val_evaluator = dict(type='SegLoopShipsMetric')
test_evaluator = val_evaluator
