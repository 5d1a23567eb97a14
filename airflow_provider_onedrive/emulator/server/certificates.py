"""A certificate authority that lives as long as the emulator, and in memory."""

from __future__ import annotations

import ssl


class Certificates:
    """:param names: further hosts that the certificate is for."""

    def __init__(self, *names: str) -> None:
        try:
            import trustme  # noqa: PLC0415 - an extra, and needed only where a server starts
        except ImportError:
            raise ImportError("It needs trustme: pip install 'airflow-provider-onedrive[emulator]'") from None
        # A new authority for each start: no key of it is ever stored.
        authority = trustme.CA(organization_name="airflow-provider-onedrive emulator")
        self.authority_pem = authority.cert_pem.bytes().decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Without it clients that offer HTTP/2 would have to guess.
        self.context.set_alpn_protocols(["http/1.1"])
        authority.issue_cert("localhost", "127.0.0.1", *names).configure_cert(self.context)
