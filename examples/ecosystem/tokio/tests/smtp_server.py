"""A mail server by aiosmtpd, which prints where it listens and then each message: sender, recipient, text."""

import asyncio

from aiosmtpd.smtp import SMTP


class Print:
    async def handle_DATA(self, server, session, envelope):
        text = envelope.content.decode().replace("\r\n", "\n").split("\n\n", 1)[1].strip()
        print(envelope.mail_from, *envelope.rcpt_tos, text, sep="|", flush=True)
        return "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Print(), loop=loop), "127.0.0.1", 0)
    print("smtp://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
