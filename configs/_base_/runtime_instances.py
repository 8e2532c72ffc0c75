# What every instance experiment shares, beside what the semantic ones do: mmdet's scope, drawing, score.
_base_ = ['./runtime.py']
default_scope = 'mmdet'
default_hooks = dict(
    checkpoint=dict(save_best='coco/segm_mAP'),
    visualization=dict(type='DetVisualizationHook'),
    early_stop=dict(monitor='coco/segm_mAP'),
)
visualizer = dict(type='DetLocalVisualizer')
tta_model = dict(type='SegLoopMaskTTAModel', views='h')  # of --tta; 'hv' where nothing is up
