"""A server that speaks enough of Google Cloud Storage's JSON interface for gcsfs, TensorStore and array_record.

`fake_gcs.py`: prints its port and serves any bucket from memory. Objects have generations, and conditions on them are
kept, which TensorStore's transactions depend on. A GET of `/fail?count=N&path=WORDS` has the next N requests whose
address holds WORDS answered by 403 (no right to), which no client asks again for; `/requests` lists those that were
answered; `/copy?bucket=A&to=B` copies all objects of a bucket.
"""

import base64
import hashlib
import http.server
import itertools
import json
import re
import threading
import urllib.parse

NAMED = re.compile(r"^(?:/download)?/storage/v1/b/([^/]+)/o/([^/]+)$")
COPIED = re.compile(r"^/storage/v1/b/([^/]+)/o/([^/]+)/(?:rewriteTo|copyTo)/b/([^/]+)/o/([^/]+)$")
LISTED = re.compile(r"^(?:/upload)?(?:/resumable/upload)?/storage/v1/b/([^/]+)/o$")
BUCKET = re.compile(r"^/storage/v1/b/([^/]+)$")

objects: dict[tuple[str, str], tuple[int, bytes]] = {}
uploads: dict[str, tuple[str, str, bytearray]] = {}
lock = threading.RLock()
generations = itertools.count(1_700_000_000_000_001)
failures = {"count": 0, "path": ""}
requests: list[str] = []


def described(bucket, name):
    generation, contents = objects[bucket, name]
    return {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{generation}",
        "name": name,
        "bucket": bucket,
        "generation": str(generation),
        "metageneration": "1",
        "size": str(len(contents)),
        "contentType": "application/octet-stream",
        "md5Hash": base64.b64encode(hashlib.md5(contents).digest()).decode(),
        "timeCreated": "2026-01-01T00:00:00.000Z",
        "updated": "2026-01-01T00:00:00.000Z",
    }


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the contents wait 40 ms for the client to acknowledge their headers

    def log_message(self, *_):
        pass

    def answer(self, code, contents=b"", headers=()):
        contents = contents if isinstance(contents, bytes) else json.dumps(contents).encode()
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        if code not in (204, 304):
            self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        if self.command != "HEAD" and code not in (204, 304):
            self.wfile.write(contents)

    def wrong(self, code, words):
        self.answer(code, {"error": {"code": code, "message": words, "errors": [{"message": words}]}})

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def handle_any(self):
        address = urllib.parse.urlsplit(self.path)
        asked = {name: values[0] for name, values in urllib.parse.parse_qs(address.query, True).items()}
        body = self.body()
        with lock:
            if address.path == "/fail":
                failures.update(count=int(asked["count"]), path=asked["path"])
                return self.answer(200)
            if address.path == "/copy":
                for (bucket, name), (_, contents) in list(objects.items()):
                    if bucket == asked["bucket"]:
                        objects[asked["to"], name] = next(generations), contents
                return self.answer(200)
            if address.path == "/requests":
                return self.answer(200, requests)
            requests.append(f"{self.command} {urllib.parse.unquote(self.path)}")
            if failures["count"] and failures["path"] in requests[-1]:
                failures["count"] -= 1
                return self.wrong(403, "this account may not")
            return self.route(self.command, address.path, asked, body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def route(self, command, path, asked, body):
        if path.startswith("/batch/"):
            return self.batch(body)
        if match := COPIED.match(path):
            bucket, name, to, new = map(urllib.parse.unquote, match.groups())
            if (bucket, name) not in objects:
                return self.wrong(404, "no such object")
            objects[to, new] = next(generations), objects[bucket, name][1]
            size = str(len(objects[to, new][1]))
            resource = {"kind": "storage#rewriteResponse", "done": True, "objectSize": size}
            resource |= {"totalBytesRewritten": size, "resource": described(to, new)}
            return self.answer(200, resource if "rewriteTo" in path else described(to, new))
        if match := LISTED.match(path):
            bucket = urllib.parse.unquote(match[1])
            return self.listing(bucket, asked) if command == "GET" else self.upload(command, bucket, asked, body)
        if match := NAMED.match(path):
            return self.one(command, urllib.parse.unquote(match[1]), urllib.parse.unquote(match[2]), asked)
        if match := BUCKET.match(path):
            name = match[1]
            if name == "missing":
                return self.wrong(404, "the bucket does not exist")
            return self.answer(200, {"kind": "storage#bucket", "id": name, "name": name, "location": "US"})
        return self.wrong(501, f"{command} {path} is not played")

    def refused(self, bucket, name, asked):
        """The answer to a condition on the generation that does not hold, or None."""
        now = objects[bucket, name][0] if (bucket, name) in objects else 0
        if "ifGenerationMatch" in asked and int(asked["ifGenerationMatch"]) != now:
            return 412
        if "ifGenerationNotMatch" in asked and int(asked["ifGenerationNotMatch"]) == now:
            return 304 if self.command in ("GET", "HEAD") else 412
        return None

    def one(self, command, bucket, name, asked):
        if (code := self.refused(bucket, name, asked)) is not None:
            return self.wrong(code, "the condition does not hold")
        if (bucket, name) not in objects:
            return self.wrong(404, "no such object")
        if command == "DELETE":
            del objects[bucket, name]
            return self.answer(204)
        if asked.get("alt") != "media":
            return self.answer(200, described(bucket, name))
        generation, contents = objects[bucket, name]
        headers = [("x-goog-generation", str(generation)), ("Content-Type", "application/octet-stream")]
        headers += [("x-goog-stored-content-length", str(len(contents))), ("x-goog-metageneration", "1")]
        match = re.match(r"bytes=(\d*)-(\d*)$", self.headers.get("Range", ""))
        if match is None or not contents:
            return self.answer(200, contents, headers)
        begin, end = len(contents) - int(match[2]) if not match[1] else int(match[1]), len(contents)
        if match[1] and match[2]:
            end = min(end, int(match[2]) + 1)
        if begin >= len(contents):
            return self.wrong(416, "out of range")
        headers.append(("Content-Range", f"bytes {begin}-{end - 1}/{len(contents)}"))
        return self.answer(206, contents[begin:end], headers)

    def listing(self, bucket, asked):
        if bucket == "missing":
            return self.wrong(404, "the bucket does not exist")
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        items, prefixes = [], set()
        for other, name in sorted(objects):
            if other != bucket or not name.startswith(prefix) or name < asked.get("startOffset", ""):
                continue
            if asked.get("endOffset") and name >= asked["endOffset"]:
                continue
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            if found:
                prefixes.add(prefix + head + delimiter)
            else:
                items.append(described(bucket, name))
        return self.answer(200, {"kind": "storage#objects", "items": items, "prefixes": sorted(prefixes)})

    def upload(self, command, bucket, asked, body):
        if bucket == "missing":
            return self.wrong(404, "the bucket does not exist")
        kind = asked.get("uploadType")
        if "upload_id" in asked:
            _, name, parts = uploads[asked["upload_id"]]
            parts += body
            total = self.headers.get("Content-Range", "/*").rsplit("/", 1)[1]
            if total == "*":
                return self.answer(308, b"", [("Range", f"bytes=0-{len(parts) - 1}")] if parts else [])
            return self.store(bucket, name, bytes(parts))
        if kind == "resumable":
            name = asked.get("name") or json.loads(body)["name"]
            number = f"upload{len(uploads)}"
            uploads[number] = bucket, name, bytearray()
            address = f"http://{self.headers['Host']}{self.path.split('?')[0]}?uploadType=resumable&upload_id={number}"
            return self.answer(200, {}, [("Location", address)])
        if kind == "multipart":
            boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
            _, head, contents, *_ = body.split(b"--" + boundary)
            head = json.loads(re.split(rb"\r?\n\r?\n", head, maxsplit=1)[1])
            contents = re.split(rb"\r?\n\r?\n", contents, maxsplit=1)[1]
            return self.store(bucket, head["name"], re.sub(rb"\r?\n\Z", b"", contents))
        if (code := self.refused(bucket, asked["name"], asked)) is not None:
            return self.wrong(code, "the condition does not hold")
        return self.store(bucket, asked["name"], body)

    def store(self, bucket, name, contents):
        objects[bucket, name] = next(generations), contents
        return self.answer(200, described(bucket, name))

    def batch(self, body):
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])[1].encode()
        parts = []
        for part in body.split(b"--" + boundary)[1:-1]:
            line = re.search(rb"^DELETE (\S+)", part, re.MULTILINE)[1].decode()
            bucket, name = map(urllib.parse.unquote, NAMED.match(urllib.parse.urlsplit(line).path).groups())
            code = 204 if objects.pop((bucket, name), None) else 404
            number = re.search(rb"Content-ID: <?([^>\r\n]+)", part)[1].decode()
            parts.append(
                f"--batch\r\nContent-Type: application/http\r\nContent-ID: <response-{number}>\r\n\r\n"
                f"HTTP/1.1 {code} {'No Content' if code == 204 else 'Not Found'}\r\nContent-Length: 0\r\n\r\n\r\n"
            )
        text = "".join(parts) + "--batch--\r\n"
        return self.answer(200, text.encode(), [("Content-Type", "multipart/mixed; boundary=batch")])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
