"""Device codes: a program shows a code, and a user signs in on another device.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.entra.login import LoginProblem
from airflow_provider_onedrive.emulator.entra.scopes import Asked
from airflow_provider_onedrive.emulator.model.tenant import User
from airflow_provider_onedrive.emulator.tokens.applications import Application

# Without vowels, so that no word appears, and without digits that look like letters.
_LETTERS = "BCDFGHJKLMNPQRSTVWXYZ"
_USER_CODE_LENGTH = 9


@dataclass
class DeviceCode:
    """:param user: the user who signed in; None = nobody yet."""

    device_code: str
    user_code: str
    application: Application
    asked: Asked
    expires_at: float
    user: User | None = None
    is_declined: bool = False
    is_used: bool = False
    asked_at: float = 0.0


class DeviceCodes:
    def __init__(self) -> None:
        self._codes: dict[str, DeviceCode] = {}
        self._lock = threading.Lock()

    def begin(self, application: Application, asked: Asked, lifetime_seconds: float) -> DeviceCode:
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(_USER_CODE_LENGTH))
        expires_at = time.time() + lifetime_seconds
        code = DeviceCode(secrets.token_urlsafe(120), user_code, application, asked, expires_at)
        with self._lock:
            self._codes[code.device_code] = code
        return code

    def approve(self, user_code: str, user: User) -> None:
        self._by_user_code(user_code).user = user

    def decline(self, user_code: str) -> None:
        self._by_user_code(user_code).is_declined = True

    def redeem(self, device_code: str, application: Application, interval_seconds: float) -> tuple[DeviceCode, User]:
        """Return the code and the user who signed in, once."""
        with self._lock:
            code = _checked(self._codes.get(device_code), application)
            _check_interval(code, interval_seconds)
            if code.user is None:
                raise LoginProblem(400, "authorization_pending", 70016, _PENDING)
            code.is_used = True
            return code, code.user

    def _by_user_code(self, user_code: str) -> DeviceCode:
        wanted = user_code.strip().upper()
        code = next((one for one in self._codes.values() if one.user_code == wanted), None)
        if code is None:
            raise LookupError(f"No device waits with the code {user_code}")
        return code


_PENDING = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."


def _checked(code: DeviceCode | None, application: Application) -> DeviceCode:
    # A used code is as unknown as a wrong one.
    if code is None or code.application is not application or code.is_used:
        message = "The provided value for the input parameter 'device_code' is not valid."
        raise LoginProblem(400, "bad_verification_code", 70018, message)
    if time.time() >= code.expires_at:
        message = "The provided value for the input parameter 'device_code' is not valid. This device code has expired."
        raise LoginProblem(400, "expired_token", 70020, message)
    if code.is_declined:
        raise LoginProblem(400, "authorization_declined", 65004, "User declined to consent to access the app.")
    return code


def _check_interval(code: DeviceCode, interval_seconds: float) -> None:
    """Refuse a device that polls faster than the interval. The first request is never too early."""
    now, last = time.time(), code.asked_at
    # Updated also on refusal: a client that keeps polling too fast is refused each time.
    code.asked_at = now
    # A client that keeps exactly to the interval must not fail by the precision of clocks.
    if code.user is None and now - last < interval_seconds - 0.5:
        raise LoginProblem(400, "slow_down", 70016, "The device polls faster than the interval it was given.")
