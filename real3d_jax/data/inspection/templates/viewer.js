// Draws each object's cameras and hull on its canvas. Drag to turn, wheel to zoom, double-click to start again.
"use strict";
(() => {
  const INK = "#0f1626", SKY = "#1d2942", GRID = "rgba(160,180,220,0.14)";
  const AXES = [["x", "#ff6b6b"], ["y", "#5fd38d"], ["z", "#6ca8ff"]];
  const LIGHT = unit([0.35, -0.5, 0.8]);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function unit(v) { const n = Math.hypot(...v) || 1; return v.map((x) => x / n); }
  function add(a, b, s = 1) { return [a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]]; }
  function dot(a, b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
  function cross(a, b) { return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]; }
  function bytes(text) { return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)); }

  function colorOf(iou) {
    if (iou === null) return "rgb(150,165,195)";
    const t = Math.max(0, Math.min(1, (iou - 0.85) / 0.14));
    return `rgb(${Math.round(255 - 160 * t)},${Math.round(85 + 130 * t)},${Math.round(85 + 60 * t)})`;
  }

  class Viewer {
    constructor(card) {
      this.card = card;
      this.canvas = card.querySelector("canvas");
      const data = JSON.parse(card.querySelector("script").textContent);
      const pictures = [...card.querySelectorAll("figure[data-view]")];
      this.cameras = data.cameras.map((camera, i) => {
        const figure = pictures.find((f) => Number(f.dataset.view) === i);
        return { ...camera, figure, image: figure && figure.querySelector("img") };
      });
      this.readMesh(data.mesh);
      this.selected = -1;
      this.reset();
      this.listen();
    }

    readMesh(mesh) {
      this.vertices = []; this.faces = []; this.colors = [];
      if (!mesh) return;
      const positions = new Uint16Array(bytes(mesh.vertices).buffer);
      for (let i = 0; i < positions.length; i += 3) {
        this.vertices.push([0, 1, 2].map((k) => mesh.low[k] + (mesh.size[k] * positions[i + k]) / 65535));
      }
      this.faces = new Uint16Array(bytes(mesh.faces).buffer);
      this.colors = bytes(mesh.colors);
    }

    reset() {
      const far = Math.max(1e-6, ...this.cameras.map((c) => Math.hypot(...c.position)));
      this.reach = this.vertices.reduce((r, v) => Math.max(r, Math.hypot(...v)), far);
      this.yaw = 0.7; this.pitch = 0.42; this.zoom = 1; this.turning = !still;
    }

    listen() {
      let last = null;
      this.canvas.addEventListener("pointerdown", (e) => {
        last = [e.clientX, e.clientY]; this.turning = false; this.canvas.setPointerCapture(e.pointerId);
      });
      this.canvas.addEventListener("pointermove", (e) => {
        if (!last) return;
        this.yaw -= (e.clientX - last[0]) * 0.01;
        this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + (e.clientY - last[1]) * 0.01));
        last = [e.clientX, e.clientY];
      });
      for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => { last = null; });
      this.canvas.addEventListener("dblclick", () => this.reset());
      this.canvas.addEventListener("wheel", (e) => {
        e.preventDefault(); this.zoom = Math.max(0.4, Math.min(8, this.zoom * Math.exp(-e.deltaY * 0.0015)));
      }, { passive: false });
      this.cameras.forEach((camera, i) => {
        if (!camera.figure) return;
        camera.figure.addEventListener("pointerenter", () => { this.selected = i; });
        camera.figure.addEventListener("pointerleave", () => { this.selected = -1; });
      });
    }

    // Screen position and depth of a world point.
    project(p) {
      const back = this.back, x = dot(p, this.right), y = dot(p, this.up), depth = this.eye - dot(p, back);
      const f = this.focal / Math.max(depth, 1e-3 * this.eye);
      return [this.width / 2 + f * x, this.height / 2 - f * y, depth];
    }

    draw() {
      const ratio = devicePixelRatio || 1, box = this.canvas.getBoundingClientRect();
      this.width = box.width; this.height = box.height;
      if (this.canvas.width !== Math.round(box.width * ratio)) {
        this.canvas.width = Math.round(box.width * ratio); this.canvas.height = Math.round(box.height * ratio);
      }
      const c = (this.ctx = this.canvas.getContext("2d"));
      this.scale = ratio;
      c.setTransform(ratio, 0, 0, ratio, 0, 0);
      const sky = c.createRadialGradient(this.width / 2, this.height * 0.4, 10, this.width / 2, this.height / 2, this.width * 0.75);
      sky.addColorStop(0, SKY); sky.addColorStop(1, INK);
      c.fillStyle = sky; c.fillRect(0, 0, this.width, this.height);
      const cp = Math.cos(this.pitch), sp = Math.sin(this.pitch), cy = Math.cos(this.yaw), sy = Math.sin(this.yaw);
      this.back = [cp * cy, cp * sy, sp]; this.right = [-sy, cy, 0]; this.up = cross(this.back, this.right);
      this.eye = 3.6 * this.reach;
      this.focal = 1.62 * this.zoom * Math.min(this.width, this.height);
      this.grid();
      const things = [...this.triangles(), ...this.axes(), ...this.frustums()];
      things.sort((a, b) => b.depth - a.depth).forEach((thing) => thing.paint());
    }

    line(a, b, color, width = 1) {
      const c = this.ctx, p = this.project(a), q = this.project(b);
      c.strokeStyle = color; c.lineWidth = width; c.beginPath(); c.moveTo(p[0], p[1]); c.lineTo(q[0], q[1]); c.stroke();
    }

    grid() {
      const r = this.reach, n = 6;
      for (let i = -n; i <= n; i++) {
        const s = (r * i) / n, half = Math.sqrt(Math.max(0, r * r - s * s));
        this.line([s, -half, 0], [s, half, 0], GRID); this.line([-half, s, 0], [half, s, 0], GRID);
      }
    }

    axes() {
      return AXES.map(([name, color], k) => {
        const tip = [0, 0, 0]; tip[k] = 0.42 * this.reach;
        const p = this.project(tip);
        return { depth: this.project(tip.map((x) => x / 2))[2], paint: () => {
          this.line([0, 0, 0], tip, color, 2);
          this.ctx.fillStyle = color; this.ctx.font = "600 12px system-ui, sans-serif";
          this.ctx.fillText(name, p[0] + 4, p[1] - 3);
        } };
      });
    }

    triangles() {
      const points = this.vertices.map((v) => this.project(v)), result = [], c = this.ctx;
      for (let i = 0; i < this.faces.length; i += 3) {
        const [a, b, d] = [this.faces[i], this.faces[i + 1], this.faces[i + 2]];
        const p = points[a], q = points[b], r = points[d];
        const normal = unit(cross(add(this.vertices[b], this.vertices[a], -1), add(this.vertices[d], this.vertices[a], -1)));
        const away = dot(normal, add(this.back.map((x) => x * this.eye), this.vertices[a], -1)) < 0;
        if (away) continue;
        const shade = 0.78 + 0.5 * Math.max(0, dot(normal, LIGHT));
        const tone = [0, 1, 2].map((k) => Math.min(255, (shade * (this.colors[3 * a + k] + this.colors[3 * b + k] + this.colors[3 * d + k])) / 3) | 0);
        const fill = `rgb(${tone})`;
        result.push({ depth: (p[2] + q[2] + r[2]) / 3, paint: () => {
          c.fillStyle = c.strokeStyle = fill; c.lineWidth = 0.8;
          c.beginPath(); c.moveTo(p[0], p[1]); c.lineTo(q[0], q[1]); c.lineTo(r[0], r[1]); c.closePath(); c.fill(); c.stroke();
        } });
      }
      return result;
    }

    frustums() {
      const size = this.reach * Math.max(0.09, Math.min(0.24, 0.85 / Math.sqrt(this.cameras.length)));
      return this.cameras.map((camera, i) => {
        const chosen = i === this.selected, depth = size * (chosen ? 1.35 : 1);
        const y = Math.tan((camera.fov_y * Math.PI) / 360) * depth, x = y * camera.aspect;
        const at = (u, v, w) => [0, 1, 2].reduce((p, k) => add(p, camera.axes[k], [u, v, w][k]), camera.position);
        const world = [at(-x, y, -depth), at(x, y, -depth), at(x, -y, -depth), at(-x, -y, -depth)];
        const corners = world.map((p) => this.project(p)), apex = this.project(camera.position);
        return { depth: (corners[0][2] + corners[2][2]) / 2, paint: () => this.frustum(camera, corners, apex, chosen) };
      });
    }

    frustum(camera, corners, apex, chosen) {
      const c = this.ctx, [tl, tr, br, bl] = corners;
      if (camera.image && camera.image.complete && camera.image.naturalWidth) {
        const w = camera.image.naturalWidth, h = camera.image.naturalHeight, s = this.scale;
        c.save();
        c.beginPath(); corners.forEach((p) => c.lineTo(p[0], p[1])); c.closePath(); c.clip();
        c.globalAlpha = chosen ? 1 : 0.86;
        c.setTransform(s * (tr[0] - tl[0]) / w, s * (tr[1] - tl[1]) / w, s * (bl[0] - tl[0]) / h, s * (bl[1] - tl[1]) / h, s * tl[0], s * tl[1]);
        c.drawImage(camera.image, 0, 0); c.restore();
      }
      c.strokeStyle = chosen ? "#ffffff" : colorOf(camera.iou); c.lineWidth = chosen ? 2.4 : 1.2; c.lineJoin = "round";
      c.beginPath(); corners.forEach((p) => c.lineTo(p[0], p[1])); c.closePath();
      corners.forEach((p) => { c.moveTo(apex[0], apex[1]); c.lineTo(p[0], p[1]); });
      c.stroke();
      const top = [(tl[0] + tr[0]) / 2, (tl[1] + tr[1]) / 2], middle = [(tl[0] + br[0]) / 2, (tl[1] + br[1]) / 2];
      c.fillStyle = c.strokeStyle; c.beginPath();
      c.moveTo(tl[0] * 0.65 + tr[0] * 0.35, tl[1] * 0.65 + tr[1] * 0.35);
      c.lineTo(top[0] + (top[0] - middle[0]) * 0.35, top[1] + (top[1] - middle[1]) * 0.35);
      c.lineTo(tl[0] * 0.35 + tr[0] * 0.65, tl[1] * 0.35 + tr[1] * 0.65); c.fill();
    }
  }

  const visible = new Set();
  const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => {
    const card = entry.target;
    if (entry.isIntersecting) show(card);
    else if (card.viewer) visible.delete(card.viewer);
  }), { rootMargin: "80px" });

  function show(card) {
    if (!card.viewer) { card.viewer = new Viewer(card); card.viewer.draw(); }
    visible.add(card.viewer);
  }

  document.querySelectorAll(".object.has-cameras").forEach((card) => {
    if (card.getBoundingClientRect().top < innerHeight) show(card);
    watcher.observe(card);
  });

  let before = 0;
  function frame(now) {
    const passed = Math.min(60, now - before); before = now;
    visible.forEach((viewer) => { if (viewer.turning) viewer.yaw += passed * 0.00018; viewer.draw(); });
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
})();
