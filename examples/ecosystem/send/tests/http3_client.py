"""An HTTP/3 client by aioquic: a GET, a POST of a megabyte, and a method that the server refuses."""

import asyncio
import sys

from aioquic.asyncio import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration

host, port, certificate = sys.argv[1:]


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.answers = {}

    async def ask(self, method, path, body=b""):
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream] = (None, b"", asyncio.get_running_loop().create_future())
        headers = {":method": method, ":scheme": "https", ":authority": f"{host}:{port}", ":path": path}
        self.http.send_headers(stream, [(k.encode(), v.encode()) for k, v in headers.items()], end_stream=not body)
        if body:
            self.http.send_data(stream, body, end_stream=True)
        self.transmit()
        return await asyncio.wait_for(self.answers[stream][2], 60)

    def quic_event_received(self, event):
        for got in self.http.handle_event(event):
            if not isinstance(got, (HeadersReceived, DataReceived)):
                continue
            status, body, done = self.answers[got.stream_id]
            if isinstance(got, HeadersReceived):
                status = dict(got.headers)[b":status"].decode()
            else:
                body += got.data
            self.answers[got.stream_id] = (status, body, done)
            if got.stream_ended:
                done.set_result((status, body))


async def main():
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, is_client=True, server_name="localhost")
    configuration.load_verify_locations(certificate)
    async with connect(host, int(port), configuration=configuration, create_protocol=Client) as client:
        status, body = await client.ask("GET", "/hello")
        print(status, body.decode().strip())
        status, body = await client.ask("POST", "/echo", b"x" * 1_000_000)
        print(status, len(body))
        status, _ = await client.ask("DELETE", "/")
        print(status)


asyncio.run(main())
