// Painting a mask on a canvas over a picture: brush, eraser, undo, and keys for those who paint without a pointer.
// The mask is white where to change; what is seen is the canvas's own colour, half clear.
const SIDE = 512;
const UNDOS = 20;
const STEP = 0.03;

export function painting(canvas, ring, colour, changed) {
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const past = [];
  const at = { x: 0.5, y: 0.5 };
  let radius = 0.04;
  let erasing = false;

  const longer = () => Math.max(canvas.width, canvas.height);

  function remember() {
    past.push(pen.getImageData(0, 0, canvas.width, canvas.height));
    past.splice(0, past.length - UNDOS);
  }

  function line(from, to) {
    pen.globalCompositeOperation = erasing ? "destination-out" : "source-over";
    pen.strokeStyle = colour;
    pen.lineCap = "round";
    pen.lineWidth = 2 * radius * longer();
    pen.beginPath();
    pen.moveTo(from.x * canvas.width, from.y * canvas.height);
    pen.lineTo(to.x * canvas.width + 0.01, to.y * canvas.height);
    pen.stroke();
    pen.globalCompositeOperation = "source-over";
  }

  function place(event) {
    const area = canvas.getBoundingClientRect();
    return { x: (event.clientX - area.left) / area.width, y: (event.clientY - area.top) / area.height };
  }

  function showRing(shown) {
    const area = canvas.getBoundingClientRect();
    const wide = 2 * radius * Math.max(area.width, area.height);
    ring.hidden = !shown;
    Object.assign(ring.style, {
      width: `${wide}px`, height: `${wide}px`, left: `${at.x * area.width - wide / 2}px`, top: `${at.y * area.height - wide / 2}px`,
    });
  }

  function stroke(event) {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    remember();
    let last = place(event);
    line(last, last);
    const move = (next) => {
      const now = place(next);
      line(last, now);
      last = now;
    };
    const end = () => {
      canvas.removeEventListener("pointermove", move);
      changed();
    };
    canvas.setPointerCapture(event.pointerId);
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", end, { once: true });
  }

  function key(event) {
    const arrow = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow) {
      at.x = Math.min(Math.max(at.x + arrow[0], 0), 1);
      at.y = Math.min(Math.max(at.y + arrow[1], 0), 1);
    } else if (event.key === " ") {
      remember();
      line(at, at);
      changed();
    } else if (event.key === "e") self.erase(!erasing);
    else if (event.key === "z") self.undo();
    else if (event.key === "[" || event.key === "]") self.size(radius + (event.key === "]" ? 0.01 : -0.01));
    else return;
    event.preventDefault();
    showRing(true);
  }

  function hover(event) {
    Object.assign(at, place(event));
    showRing(event.pointerType === "mouse");
  }

  const self = {
    fit(width, height) {
      const scale = SIDE / Math.max(width, height);
      canvas.width = Math.max(1, Math.round(width * scale));
      canvas.height = Math.max(1, Math.round(height * scale));
      past.length = 0;
    },
    erase(on) {
      erasing = on;
      canvas.dispatchEvent(new CustomEvent("tool", { detail: { erasing, radius } }));
    },
    size(to) {
      radius = Math.min(Math.max(to, 0.005), 0.125);
      canvas.dispatchEvent(new CustomEvent("tool", { detail: { erasing, radius } }));
    },
    undo() {
      const before = past.pop();
      if (before) pen.putImageData(before, 0, 0);
      changed();
    },
    fill(on) {
      remember();
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.fillStyle = colour;
      if (on) pen.fillRect(0, 0, canvas.width, canvas.height);
      changed();
    },
    invert() {
      remember();
      pen.fillStyle = colour;
      pen.globalCompositeOperation = "xor";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.globalCompositeOperation = "source-over";
      changed();
    },
    async load(address) {
      const image = new Image();
      image.src = address;
      await image.decode();
      remember();
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(image, 0, 0, canvas.width, canvas.height);
      const marks = pen.getImageData(0, 0, canvas.width, canvas.height);
      for (let place = 0; place < marks.data.length; place += 4) marks.data[place + 3] = marks.data[place];
      pen.putImageData(marks, 0, 0);
      pen.globalCompositeOperation = "source-in";
      pen.fillStyle = colour;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.globalCompositeOperation = "source-over";
      changed();
    },
    undoable: () => past.length > 0,
    share() {
      const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
      let marked = 0;
      for (let place = 3; place < data.length; place += 4) marked += data[place] >= 128;
      return marked / (data.length / 4);
    },
    // The mask as a picture: white where to change, on black.
    picture() {
      const out = document.createElement("canvas");
      out.width = canvas.width;
      out.height = canvas.height;
      const draw = out.getContext("2d");
      draw.drawImage(canvas, 0, 0);
      draw.globalCompositeOperation = "source-in";
      draw.fillStyle = "#fff";
      draw.fillRect(0, 0, out.width, out.height);
      draw.globalCompositeOperation = "destination-over";
      draw.fillStyle = "#000";
      draw.fillRect(0, 0, out.width, out.height);
      return out.toDataURL("image/png");
    },
  };
  canvas.addEventListener("pointerdown", stroke);
  canvas.addEventListener("pointermove", hover);
  canvas.addEventListener("pointerleave", () => showRing(false));
  canvas.addEventListener("keydown", key);
  canvas.addEventListener("focus", () => showRing(canvas.matches(":focus-visible")));
  canvas.addEventListener("blur", () => showRing(false));
  return self;
}
