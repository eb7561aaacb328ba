"""Totals at a tick; any window is the difference of two rows, so 5 minutes and 30 days cost the same.

windows.py histograms, gauges, quantiles of a window · thinning.py which ticks live on in coarser tiers (both pure) ·
models.py a table a tier · rows.py finding rows · queries.py windows of a service's families · services.py partitions, backfill
"""
