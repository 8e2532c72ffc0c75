# Muon for kernels, AdamW for the rest, with the warm-up and the cosine of adamw.py. Rates are AdamW's.
# From scratch it is ahead with U-Nets and with the demos' thin Mask R-CNNs, and not with DeepLabV3+, whose
# wide kernels make a step half as long again: docs/experiments.md.
_base_ = ['./adamw.py']
optim_wrapper = dict(optimizer=dict(_delete_=True, type='MuonAdamW', lr=1e-3, weight_decay=0.05))
