"""Sockets, TLS and threads: one origin on one loopback port."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from typing import Any

from airflow_provider_onedrive.emulator.server.connection import Connection
from airflow_provider_onedrive.emulator.server.origins import Service

LOOPBACK, ANYWHERE = "127.0.0.1", ""
HANDSHAKE_SECONDS = 10
_POLL_SECONDS = 0.05
_JOIN_SECONDS = 5


class OriginServer(ThreadingHTTPServer):
    """A server with one thread for each connection.

    :param host: name under which other machines reach it; None = only this machine does.
    """

    daemon_threads = True
    # Hundreds of test clients connect at once; the default of 5 would refuse some.
    request_queue_size = 512

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext | None,
        service: Callable[[], Service],
        host: str | None = None,
    ) -> None:
        super().__init__((ANYWHERE if host else LOOPBACK, port), Connection)
        self.host = host or "localhost"
        self.service = service
        self._context = context
        self._open: dict[threading.Thread, socket.socket] = {}
        self._open_lock = threading.Lock()
        self._acceptor = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), daemon=True)

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self.host}:{self.server_address[1]}"

    def start(self) -> None:
        self._acceptor.start()

    def stop(self) -> None:
        """Close every connection, also one in the middle of a request, and wait for its thread."""
        if self._acceptor.is_alive():
            self.shutdown()
            self._acceptor.join()
        self.server_close()
        for thread in self.hang_up():
            thread.join(_JOIN_SECONDS)

    def hang_up(self) -> list[threading.Thread]:
        """Close every connection but that of the calling thread; return the threads that served them."""
        with self._open_lock:
            others = {
                thread: connection
                for thread, connection in self._open.items()
                if thread is not threading.current_thread()
            }
            for connection in others.values():
                _hang_up(connection)
        return list(others)

    def server_bind(self) -> None:
        """Bind without resolving the host's full name, as the base class does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.socket.bind(self.server_address)
        except OSError as error:
            raise OSError(error.errno, error.strerror, f"port {self.server_address[1]}") from None
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection from the moment it is accepted."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._open_lock:
            self._open[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                self._open.pop(threading.current_thread(), None)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a silent client delays no other."""
        if self._context is None:
            Connection(request, client_address, self)
            return
        # A client that sends no TLS must not hold its thread for ever.
        request.settimeout(HANDSHAKE_SECONDS)
        secured = self._context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        with self._open_lock:
            self._open[threading.current_thread()] = secured
        try:
            secured.do_handshake()
            Connection(secured, client_address, self)
        finally:
            _hang_up(secured)
            secured.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of a bug. A client that closed the connection or sent no TLS is not a bug."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # The plain call: that of an SSL socket takes its state away from the thread that reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
