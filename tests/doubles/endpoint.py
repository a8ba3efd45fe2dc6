"""An OpenAI-compatible endpoint that answers by a function: stands in for a commercial API.

GET nothing; POST /v1/chat/completions -> {"choices": [{"message": {"content": reply}}]}
"""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import web

Reply = Callable[[str], str]
STOPPED = re.compile(r"^(\S+)\s+0/0\s", re.MULTILINE)
STEP = re.compile(r"^STEP (\d+)/", re.MULTILINE)


def scale_up(prompt: str) -> str:
    """Play an operator who knows one fault: look for a deployment at 0/0, scale it, submit."""
    step = int((STEP.search(prompt) or [0, 1])[1])
    if step == 1:
        return _reply("probe", "kubectl get deployments", "nothing yet")
    stopped = STOPPED.search(prompt)
    if stopped is not None:
        line = f"kubectl scale deployment/{stopped[1]} --replicas=1"
        return _reply("act", line, f"{stopped[1]} has no replicas", target=stopped[1])
    return json.dumps({"summary": "repaired", "confidence": 95, "action": "submit"})


def _reply(action: str, command: str, summary: str, target: str = "") -> str:
    return json.dumps(
        {
            "summary": summary,
            "target": target,
            "confidence": 80,
            "action": action,
            "command": command,
        }
    )


@contextmanager
def serving(reply: Reply) -> Iterator[str]:
    """Serve on loopback in a thread; yields the base URL."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    address: list[str] = []

    async def chat(request: web.Request) -> web.Response:
        body = await request.json()
        text = reply(body["messages"][-1]["content"])
        return web.json_response({"choices": [{"message": {"content": text}}], "usage": {}})

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", chat)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        return runner

    def work() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield address[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
