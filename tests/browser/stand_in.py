"""A stand-in for the server while it is built."""
import asyncio, base64, gzip, io, json, sys, itertools
from pathlib import Path
import av, numpy as np, uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response, FileResponse, StreamingResponse, JSONResponse
from PIL import Image, ImageDraw
PAGE = Path(__file__).parents[2] / "src/rotoline/studio/page"
clip = Path(__file__).parents[2] / "src/rotoline/demo/clip/bigbuckbunny.mp4"
W, H = 640, 360
MANY = int(sys.argv[2]) if len(sys.argv) > 2 else 0
frames = []
for f in av.open(str(clip)).decode(video=0):
    frames.append(f.to_image().resize((W, H)))
N = 10000 if MANY else len(frames)
CSP = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
app = FastAPI()
S = dict(objects=[], strokes={}, accepted={}, rev=0, job=None, undo=[], looked=set())
masks = {}; lanes = {}; queues = []; event = itertools.count(1)
def send(kind, data):
    for q in queues: q.put_nowait((next(event), kind, data))
@app.middleware("http")
async def csp(request, call):
    r = await call(request); r.headers["Content-Security-Policy"] = CSP; return r
@app.get("/")
def index(): return FileResponse(PAGE / "index.html")
@app.get("/static/{path:path}")
def static(path: str): return FileResponse(PAGE / path)
def marks():
    out = {}
    for o in S["objects"]:
        fr = {i for i, ss in S["strokes"].items() if any(s["object"] == o["id"] for s in ss)} | {i for i, a in S["accepted"].items() if o["id"] in a}
        out[str(o["id"])] = [dict(frame=i, is_accepted=o["id"] in S["accepted"].get(i, [])) for i in sorted(fr)]
    return out
@app.get("/api/project")
def project():
    return dict(name="bigbuckbunny", path="/home/ada/rotoline/bigbuckbunny", source=dict(name=clip.name, is_found=True), size=[H, W], count=N, frame_rate=25,
        frame_names_first="00000", key="abc", is_read_only=False, objects=S["objects"], marks=marks(),
        lanes={k: base64.b64encode(v.tobytes()).decode() for k, v in lanes.items()}, revisions=S["rev"],
        undo=S["undo"][-1] if S["undo"] else None, redo=None, job=S["job"], looked_at=len(S["looked"]), corrected=0, last_event=0)
@app.get("/frames/{key}/{i}.jpg")
def frame(i: int, w: int | None = None):
    im = frames[i % len(frames)]
    if w and w < W: im = im.resize((w, w * H // W))
    b = io.BytesIO(); im.save(b, "jpeg", quality=90)
    return Response(b.getvalue(), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=31536000, immutable"})
def mask(i):
    m, r = masks.get(i, (np.zeros((H, W), np.uint8), 0))
    return Response(gzip.compress(m.tobytes(), 1), headers={"Content-Encoding": "gzip", "X-Revision": str(r)}, media_type="application/octet-stream")
@app.get("/masks/{i}")
def get_mask(i: int): return mask(i)
@app.get("/api/frames/{i}")
def details(i: int):
    st = S["strokes"].get(i, []); acc = S["accepted"].get(i, [])
    return dict(frame=i, name=f"{i:05d}", strokes=st, accepted=acc, kind="accepted" if acc else "hints" if st else "result" if i in masks else "none", revision=masks.get(i, (0, 0))[1])
@app.post("/api/objects")
async def add(r: Request):
    i = len(S["objects"]) + 1
    S["objects"].append(dict(id=i, name=f"object {i}", colour=None, is_visible=True, is_locked=False)); lanes[str(i)] = np.zeros(N, np.uint8)
    send("project", {}); return dict(id=i)
@app.patch("/api/objects/{i}")
async def patch(i: int, r: Request):
    next(o for o in S["objects"] if o["id"] == i).update(await r.json()); send("project", {}); return {}
@app.delete("/api/objects/{i}")
def rm(i: int): S["objects"][:] = [o for o in S["objects"] if o["id"] != i]; send("project", {}); return {}
def solve(i):
    im = Image.new("L", (W, H))
    d = ImageDraw.Draw(im)
    for s in S["strokes"].get(i, []):
        p = s["points"]; r = s["radius"] * 6 if s["tool"] == "stroke" else s["radius"]
        v = s["object"] if s["is_object"] and s["tool"] != "eraser" else 0
        if s["tool"] == "box": d.ellipse([min(p[0][0], p[1][0]), min(p[0][1], p[1][1]), max(p[0][0], p[1][0]), max(p[0][1], p[1][1])], fill=v)
        elif s["tool"] == "polygon": d.polygon([tuple(q) for q in p], fill=v)
        elif r <= .5:
            for x, y in p: im.putpixel((int(x), int(y)), v)
        else:
            for x, y in p: d.ellipse([x - r, y - r, x + r, y + r], fill=v)
    S["rev"] += 1; masks[i] = (np.asarray(im), S["rev"])
    for o in S["objects"]: lanes[str(o["id"])][i] = 255 if (masks[i][0] == o["id"]).any() else 1
    send("frames", dict(frames=[dict(frame=i, revision=S["rev"], lane={str(o["id"]): int(lanes[str(o["id"])][i]) for o in S["objects"]})]))
ids = itertools.count(1)
@app.post("/api/frames/{i}/strokes")
async def stroke(i: int, r: Request):
    s = dict(await r.json(), id=next(ids)); S["strokes"].setdefault(i, []).append(s); S["undo"].append(f"stroke in frame {i}")
    await asyncio.sleep(.25); solve(i); send("project", {})
    m = mask(i); m.headers["X-Stroke"] = str(s["id"]); return m
@app.delete("/api/frames/{i}/strokes/{k}")
def rms(i: int, k: int): S["strokes"][i] = [s for s in S["strokes"].get(i, []) if s["id"] != k]; solve(i); send("project", {}); return mask(i)
@app.post("/api/frames/{i}/accept")
def acc(i: int): S["accepted"][i] = [o["id"] for o in S["objects"]]; send("project", {}); return {}
@app.post("/api/frames/{i}/clear")
async def clear(i: int, r: Request):
    k = (await r.json())["object"]; S["strokes"][i] = [s for s in S["strokes"].get(i, []) if s["object"] != k]; solve(i); return mask(i)
@app.post("/api/undo")
def undo():
    if not S["undo"]: return JSONResponse({"error": "There is nothing to undo."}, 409)
    t = S["undo"].pop(); f = int(t.split()[-1]); S["strokes"][f].pop(); solve(f); send("project", {}); return dict(frame=f, text=t)
@app.post("/api/frames/{i}/looked")
def look(i: int): S["looked"].add(i); send("project", {}); return {}
async def work(job, i):
    rng = np.random.default_rng(1); job["status"] = "running"
    base = masks.get(i, (np.zeros((H, W), np.uint8), 0))[0]
    for k in range(N):
        if job["status"] == "cancelled": break
        S["rev"] += 1
        masks[k] = (np.roll(base, (k - i) * 2, 1), S["rev"])
        lane = {}
        for o in S["objects"]:
            c = 1 - .35 * np.exp(-((k - 80 - 9 * o["id"]) / 7) ** 2) - .03 * rng.random()
            hidden = 100 < k < 112 and o["id"] == 2
            lane[str(o["id"])] = 1 if hidden else int(2 + 253 * c); lanes[str(o["id"])][k] = lane[str(o["id"])]
        job.update(done=k + 1, total=N, message="")
        if k % 1 == 0 : send("frames", dict(frames=[dict(frame=k, revision=S["rev"], lane=lane)])); send("job", job)
        await asyncio.sleep(.03)
    if job["status"] == "running": job["status"] = "done"; job["message"] = "Tracked 2 objects through 132 frames."
    send("job", job)
@app.post("/api/jobs")
async def jobs(r: Request):
    b = await r.json(); job = S["job"] = dict(id=1, text=f"Tracking {b['direction']}", status="waiting", done=0, total=N, message="learning")
    asyncio.get_running_loop().create_task(work(job, b["frame"])); return job
@app.delete("/api/jobs")
def cancel(): S["job"]["status"] = "cancelled"; return {}
@app.get("/api/check")
def check():
    if not any(v.any() for v in lanes.values()) or not S["job"]: return dict(frames=[])
    return dict(frames=[dict(frame=f, text=f"object {o}: {t}") for f, o, t in [(89, 1, "low confidence .64"), (98, 2, "low confidence .66"), (112, 2, "returns"), (40, 1, "area grows by 60 %")]])
@app.get("/api/formats")
def formats(): return [dict(name="prores", title="ProRes 4444", target="Premiere, Resolve, After Effects", extra_missing=None), dict(name="png", title="PNG mattes", target="any compositor", extra_missing=None), dict(name="coco", title="COCO video", target="training of detectors", extra_missing="pip install 'rotoline[exports]'")]
@app.get("/api/exports/preview")
def preview(format: str, frame: int):
    im = frames[frame % len(frames)].convert("RGBA"); im.putalpha(Image.fromarray((masks.get(frame, (np.zeros((H, W), np.uint8), 0))[0] > 0).astype(np.uint8) * 255))
    b = io.BytesIO(); im.save(b, "png"); return Response(b.getvalue(), media_type="image/png")
@app.get("/api/events")
async def events():
    q = asyncio.Queue(); queues.append(q)
    async def stream():
        yield ": hello\n\n"
        try:
            while True:
                n, kind, data = await q.get()
                yield f"id: {n}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"
        finally: queues.remove(q)
    return StreamingResponse(stream(), media_type="text/event-stream")
if MANY:
    for i in range(1, MANY + 1):
        S["objects"].append(dict(id=i, name=f"object {i}", colour=None, is_visible=True, is_locked=False))
        c = .8 + .15 * np.sin(np.arange(N) / (60 + 7 * i)) + .05 * np.random.default_rng(i).random(N)
        lanes[str(i)] = np.where(np.sin(np.arange(N) / (300 + 17 * i)) > -.7, 2 + 253 * c, 1).astype(np.uint8)
        S["accepted"][i * 37] = [i]
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
