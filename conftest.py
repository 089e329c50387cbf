"""Plugins of the whole test suite; pytest wants them named here, at the top."""

pytest_plugins = ["tests.services"]
