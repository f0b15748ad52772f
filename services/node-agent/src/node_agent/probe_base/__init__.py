"""What probes have in common: their form, thresholds, named targets, certificates. Watches nothing by itself."""
