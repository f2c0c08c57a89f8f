"""The stories of awaitd as ordinary asyncio programs, and what they come to."""
