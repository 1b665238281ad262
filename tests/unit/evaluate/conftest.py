"""Property tests here have no deadline: how long an example takes is not what they are about."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
