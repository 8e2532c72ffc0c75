# What every semantic experiment shares: components, hooks, logging, seed.
default_scope = 'mmseg'
# Registers everything of ours, and puts plain PyTorch operators where mmcv came without compiled ones.
# A child's own list takes the place of this one; ours are known all the same.
custom_imports = dict(imports=['segloop.experiments.components'], allow_failed_imports=False)

randomness = dict(seed=0)
env_cfg = dict(
    cudnn_benchmark=True,
    memory_format='channels_last',  # measured: docs/performance.md
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),  # OpenCV's threads would fight torch's
    dist_cfg=dict(backend='nccl'),
)

default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='SegLoopCheckpointHook',  # whole files only, and a run that was killed goes on exactly
        by_epoch=False,
        interval=250,
        max_keep_ckpts=2,  # a newest one that is damaged must leave one before it
        save_best='mDice_fg',  # with 91 % background, mDice rewards the background first
        rule='greater',
    ),
    finite_loss=dict(type='FiniteLossHook'),  # stops a run that went to nan
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
    live_line=dict(type='LiveLineHook'),
    record=dict(type='RecordTrainingHook'),  # train.json, model.json
    early_stop=dict(type='PatienceHook', monitor='mDice_fg', rule='greater', patience=None),
)

vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends)
log_processor = dict(by_epoch=False, window_size=20)
log_level = 'INFO'
load_from = None
resume = False
tta_model = dict(type='SegLoopTTAModel')
