// A small canvas to draw a garment on; what is drawn becomes the picture of the visitor's question.
import { tell } from "../../widgets/elements.js";
import { sendPicture } from "../../widgets/picture_picker.js";

export function mount({ element, upload }) {
  const canvas = element.querySelector("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const width = element.querySelector("input[type=range]");
  const problem = element.querySelector(".problem");
  const SETTLE = 500;
  const STEP = 6;
  let tool = "pencil";
  let last = null;
  let cursor = [140, 140];
  let settle = 0;
  let empty = true;

  function clear() {
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    empty = true;
  }

  function line(from, to) {
    pen.strokeStyle = tool === "eraser" ? "#fff" : "#111";
    pen.lineWidth = Number(width.value) * (tool === "eraser" ? 1.6 : 1);
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    if (tool === "pencil") empty = false;
  }

  function at(event) {
    const area = canvas.getBoundingClientRect();
    return [((event.clientX - area.left) / area.width) * canvas.width, ((event.clientY - area.top) / area.height) * canvas.height];
  }

  function searchSoon() {
    clearTimeout(settle);
    if (!empty) settle = setTimeout(search, SETTLE);
  }

  function search() {
    problem.hidden = true;
    canvas.toBlob(async (blob) => {
      try {
        const picture = await sendPicture(upload, new File([blob], "drawing.png", { type: "image/png" }));
        tell(element, "query", { picture, item: null, alt: "Your drawing", box: null, liked: [], disliked: [] });
      } catch {
        problem.textContent = "The drawing could not be sent. Check the connection and draw on.";
        problem.hidden = false;
      }
    }, "image/png");
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || !event.isPrimary) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    clearTimeout(settle);
    last = at(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const here = at(event);
    line(last, here);
    last = here;
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (last) searchSoon();
      last = null;
    });
  }
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = [0, 1].map((axis) => Math.min(Math.max(cursor[axis] + move[axis], 0), 280));
    if (event.shiftKey) {
      line(cursor, next);
      searchSoon();
    }
    cursor = next;
  });
  for (const button of element.querySelectorAll("[data-tool]")) {
    button.addEventListener("click", () => {
      if (button.dataset.tool === "clear") return clear();
      tool = button.dataset.tool;
      for (const each of element.querySelectorAll("[aria-pressed]")) {
        each.setAttribute("aria-pressed", String(each === button));
      }
    });
  }
  clear();
}
