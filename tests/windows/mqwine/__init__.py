"""Windows programs under Wine, for the tests and the demo."""
