"""What all tests share: hypothesis without a deadline, for a busy machine is no wrong answer."""

from hypothesis import settings

settings.register_profile("qilu", deadline=None)
settings.load_profile("qilu")
