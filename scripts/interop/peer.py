"""The Python package on request: one JSON command per line in, one JSON result per line out."""

import asyncio
import json
import sys

from postgres_task_queue import create_queue
from postgres_task_queue.pgmq.container import Container, wire


async def act(command):
    queue = create_queue(command["queue"], dlq=command.get("dlq", True))
    broker = queue.broker
    task_id = command.get("id")
    match command["do"]:
        case "enqueue":
            return await queue.enqueue(command["task"], group=command.get("group"))
        case "read":
            tasks = await broker.poll(vt=60, qty=1, max_poll_seconds=1)
            return [str(task.id) for task in tasks]
        case "start":
            return await broker.start(task_id)
        case "complete":
            return await broker.complete(task_id)
        case "retry":
            return await broker.fail(task_id, ValueError(command["error"]), max_retries=99)
        case "fail":
            return await broker.fail(task_id, ValueError(command["error"]))
        case "reschedule":
            return str(await queue.reschedule(task_id))
        case "processing_count":
            return await broker.processing_count()
        case "archived":
            return [[task.id, task.payload] async for task in broker.archive.items()]


async def main():
    wire(Container())
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            answer = {"result": await act(json.loads(line))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
