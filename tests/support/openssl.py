"""Files as people have them, made by the openssl of the machine."""

from __future__ import annotations

import subprocess
from pathlib import Path


class OpenSsl:
    """Runs openssl in a folder, in which it makes an RSA pair, an authority, and a certificate of the authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=app -keyout key.pem -out cert.pem")
        self("req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout ca-key.pem -out ca.pem")
        self("req -new -key key.pem -subj /CN=app -out request.pem")
        self("x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 30 -out issued.pem")

    def __call__(self, command: str) -> None:
        done = subprocess.run(
            ["openssl", *command.split(" ")], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="ascii")

    def write(self, name: str, content: bytes | str) -> str:
        """Write a file, and return its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)
