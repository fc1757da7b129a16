"""What tells a repeated request from another one with the same Idempotency-Key."""

import hashlib
import json

from pydantic import BaseModel


def fingerprint(body: BaseModel, purpose: str = "") -> str:
    """Hash what a request asks for; the order of its fields makes no difference."""
    text = json.dumps(body.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256((purpose + text).encode()).hexdigest()
