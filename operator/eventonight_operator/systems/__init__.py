"""One module per outside system: observe it, plan purely, apply."""
