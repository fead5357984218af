"""What has to be agreed to before the first row goes: guards, plans, shortened ages."""
