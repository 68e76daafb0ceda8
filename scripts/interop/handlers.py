"""Processors for the real Python worker: what a task says decides what becomes of it."""

import asyncio
import json
import os
import sys

import asyncpg

from postgres_task_queue import create_queue
from postgres_task_queue.processor import processor


async def handle(task):
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        run = await connection.fetchval(
            "insert into runs (who, queue, n) values ('python', $1, $2) returning run",
            task["queue"],
            task["n"],
        )
        print(json.dumps({"began": task}), flush=True)
        try:
            if task.get("fails") == "python":
                raise ValueError("theirs")
            if task.get("holds") == "python":
                await asyncio.to_thread(sys.stdin.readline)
            await asyncio.sleep(task.get("seconds", 0))
        finally:
            await connection.execute(
                "update runs set ended = clock_timestamp() where run = $1", run
            )
    finally:
        await connection.close()


def declare(name, **options):
    return processor(create_queue(name), **options)(handle)


once = declare("once", timeout=60)
twice = declare("twice", max_retries=2, timeout=60)
brief = declare("brief", timeout=2)
newest = declare("newest", lifo=True, timeout=60)
keyed = declare("keyed", idempotency_key="task_id", timeout=60)
single = declare("single", concurrency_limit=1, timeout=1)
limited = declare("limited", concurrency_limit=2, timeout=2)
grouped = declare("grouped", grouped=True, timeout=60)
