# SPACERELAY_TOKEN=... python3 app.py ws://localhost:5001 demo   (apt install python3-websockets)
import asyncio, contextlib, json, os, random, sys, uuid, websockets

hello = {"type": "register", "space_name": sys.argv[2], "instance": str(uuid.uuid4()),
         "token": os.environ["SPACERELAY_TOKEN"]}
done = {}  # results that the relay has not confirmed yet

def answer(payload):  # your model goes here: it gives text, piece by piece
    yield from (word + " " for word in reversed(payload.get("prompt", "").split()))

async def work(ws, lease, payload):
    text, pieces = "", answer(payload)
    with contextlib.suppress(websockets.ConnectionClosed):  # the result goes to the next connection
        await ws.send(json.dumps({"type": "inference_progress", **lease, "message": "thinking"}))
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:  # pings go on
        with contextlib.suppress(websockets.ConnectionClosed):
            await ws.send(json.dumps({"type": "inference_delta", **lease, "text": piece,
                                      "offset": len(text.encode())}))
        text += piece
    return {"type": "inference_result", **lease, "status": "completed", "result": {"text_output": text}}

async def main():
    async for ws in websockets.connect(sys.argv[1] + "/ws/app", max_size=None):  # reconnects
        try:
            mine = [{"request_id": r["request_id"], "attempt": r["attempt"]} for r in done.values()]
            await ws.send(json.dumps({**hello, "resume": mine}))
            async for text in ws:
                m = json.loads(text)
                if m["type"] == "register_response" and m["success"]:
                    for result in done.values():
                        await ws.send(json.dumps(result))
                elif m["type"] == "inference_request":
                    lease = {"request_id": m["request_id"], "attempt": m["attempt"]}
                    done[m["request_id"]] = await work(ws, lease, m["payload"])
                    await ws.send(json.dumps(done[m["request_id"]]))
                elif m["type"] == "result_ack" and m.get("code") == "store_unavailable":
                    await asyncio.sleep(1)
                    await ws.send(json.dumps(done[m["request_id"]]))
                elif m["type"] == "result_ack":
                    done.pop(m["request_id"], None)
        except websockets.ConnectionClosed as e:
            if e.code >= 4500:  # it is no use: the space or the token is wrong
                sys.exit(e.reason)
        await asyncio.sleep(3 * random.random())

asyncio.run(main())
