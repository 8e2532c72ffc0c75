# Steel surface defects (NEU-SEG, 200x200, 88 % background): the recipe of config_experiment_2 on other data.
_base_ = ['./config_experiment_2.py']
data_root = '{{$SEGLOOP_DATA:data}}/neu_seg'
data = dict(data_root=data_root, metainfo=dict(classes=['background', 'inclusion', 'patches', 'scratches']))
train_dataloader = dict(dataset=data)
val_dataloader = dict(dataset=data)
test_dataloader = dict(dataset=data)
model = dict(decode_head=dict(num_classes=4))
train_cfg = dict(max_iters=5000, val_interval=1000)
