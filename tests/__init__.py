"""The promises of maint, each proven on real parts."""
