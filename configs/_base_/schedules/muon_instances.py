# Muon for kernels, AdamW for the rest, with all else of adamw_instances.py. Rates are AdamW's.
# From scratch it is ahead on spacecraft, cells, Cityscapes and nuclei: docs/experiments.md.
_base_ = ['./adamw_instances.py']
optim_wrapper = dict(optimizer=dict(_delete_=True, type='MuonAdamW', lr=1e-3, weight_decay=0.05))
