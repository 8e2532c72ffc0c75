# U-Net with batch norm and dropout, from scratch, ships from above (768x768, 78 % of the images empty).
#
#   python tools/train.py configs/ships/unet_dropout_ships.py
#   python tools/test.py configs/ships/unet_dropout_ships.py --split val
#   python tools/tune.py configs/ships/unet_dropout_ships.py     # from where on a part counts, for ships/F2
#   python tools/test.py configs/ships/unet_dropout_ships.py     # with what was tuned
#
# Cost: made for a GPU; 40000 iterations of 16 crops of 256 pixels. We have not trained it on the
# competition's images; what the recipe reaches on the demo set stands in unet_dropout_ships_demo.py.
_base_ = [
    '../_base_/models/unet_dropout.py',
    '../_base_/datasets/ships.py',
    '../_base_/schedules/adamw.py',
    '../_base_/runtime.py',
]
model = dict(
    decode_head=dict(
        num_classes=2,
        out_channels=2,  # said aloud, or mmseg recommends one channel, which its softmax losses do not take
        init_cfg=dict(type='ClassPrior', background_share=0.97),  # of the crops' pixels, not of the images'
        loss_decode=[
            # These two see false alarms in empty crops, the third does not.
            dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=2.0),
            dict(type='BatchDiceLoss', loss_weight=1.0, background=0),
            # A false alarm beside a boat costs as much as one beside a tanker: the score is per image, too.
            dict(
                type='BatchDiceLoss',
                loss_weight=0.5,
                background=0,
                per_image=True,
                loss_name='loss_image_dice',
            ),
        ],
    ),
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))  # thin layers learn slowly at DeepLabV3+'s 1e-3
train_cfg = dict(max_iters=40000, val_interval=4000)
default_hooks = dict(
    # F2 of a network that finds nothing is the share of empty images, so it would be best before it learns.
    checkpoint=dict(interval=1000, save_best='ships/Dice'),
    early_stop=dict(monitor='ships/Dice'),
)
