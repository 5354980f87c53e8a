# SPACERELAY_TOKEN=... python3 app.py ws://localhost:5001 demo   (apt install python3-websockets)
import asyncio, json, os, sys, uuid, websockets

hello = {"type": "register", "space_name": sys.argv[2], "instance": str(uuid.uuid4()),
         "token": os.environ["SPACERELAY_TOKEN"]}
done = {}  # results that the relay has not confirmed yet

def answer(payload):  # your model goes here
    return {"text_output": payload.get("prompt", "")[::-1], "model_used": "reverse"}

async def main():
    async for ws in websockets.connect(sys.argv[1] + "/ws/app", max_size=None):  # reconnects
        try:
            mine = [{"request_id": r["request_id"], "attempt": r["attempt"]} for r in done.values()]
            for message in [{**hello, "resume": mine}, *done.values()]:
                await ws.send(json.dumps(message))
            async for text in ws:
                m = json.loads(text)
                if m["type"] == "register_response" and not m["success"]:
                    sys.exit(m["message"])
                elif m["type"] == "inference_request":
                    result = await asyncio.to_thread(answer, m["payload"])
                    answered = {"type": "inference_result", "request_id": m["request_id"],
                                "attempt": m["attempt"], "status": "completed", "result": result}
                    done[m["request_id"]] = answered
                    await ws.send(json.dumps(answered))
                elif m["type"] == "result_ack" and m.get("code") != "store_unavailable":
                    done.pop(m["request_id"], None)
        except websockets.ConnectionClosed:
            await asyncio.sleep(1)

asyncio.run(main())
