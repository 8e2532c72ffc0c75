# Muon for kernels, AdamW for the rest, with all else of adamw_instances.py: from scratch it
# gets as far in a half to a quarter of the iterations (docs/experiments.md). Rates are AdamW's.
_base_ = ['./adamw_instances.py']
optim_wrapper = dict(optimizer=dict(_delete_=True, type='MuonAdamW', lr=1e-3, weight_decay=0.05))
