"""Text that is shown without the secrets of URLs in it."""

from __future__ import annotations

import re

# A password may hold an "@", or a "/" that its user has not escaped. A port is followed by "/", and
# two colons begin the next URL of a chain.
PASSWORD = re.compile(r"(://[^/@:\s'\"]*):(?!:|\d+/)(?:[^/\s'\"]*|[^@\s'\"]*)@")
SIGNATURE = re.compile(
    r"([?&][^=&\s'\"]*(?:key|password|secret|sig|signature|token)=)[^&\s'\"]+",
    re.IGNORECASE,
)


def without_password(text: str) -> str:
    """Return text in which the passwords and signatures of URLs are dots.

    These are what follows the name of a user (``s3://user:password@bucket``), and parameters such
    as ``X-Amz-Signature``, ``sig`` and ``token``.
    """
    if "://" not in text:
        return text
    return SIGNATURE.sub(r"\1...", PASSWORD.sub(r"\1:...@", text))
