"""Secrets at rest: encrypted with a key derived from SECRET_KEY, so that a database dump alone does not open them."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models


class SecretUnreadableError(Exception):
    """A stored secret was encrypted with another SECRET_KEY; enter it again or bring the old key back."""


@cache
def _cipher(secret_key: str) -> Fernet:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"tailwatch secrets at rest").derive(
        secret_key.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))


def encrypt(plain: str) -> str:
    return _cipher(settings.SECRET_KEY).encrypt(plain.encode()).decode()


def decrypt(stored: str) -> str:
    try:
        return _cipher(settings.SECRET_KEY).decrypt(stored.encode()).decode()
    except InvalidToken:
        raise SecretUnreadableError(
            "stored with another SECRET_KEY: enter the secret again, or start with the old key"
        ) from None


if TYPE_CHECKING:
    TextField = models.TextField[str, str]
else:
    TextField = models.TextField  # generic in the stubs only


class EncryptedTextField(TextField):
    """Text that is ciphertext in the database and plain in Python. It cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return encrypt(text) if text else text

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        return decrypt(value) if value else value
