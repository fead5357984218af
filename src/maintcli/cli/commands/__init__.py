"""The operator commands, one file each: read options, ask one function, show what it says."""
