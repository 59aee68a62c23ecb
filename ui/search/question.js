// The visitor's question, one for all tabs: a picture by file, drop, paste, camera, example or result, a box around one
// item of it, words, and marks. props.value is the whole question and is what Python reads. Whoever has another question
// says so by a "query" event that reaches the document; an "asked" event tells that there is one, and the tab that is
// seen answers it.
import { pictureAddress, plain, tell } from "../widgets/elements.js";
import { fileProblem, listenForPictures, sendPicture } from "../widgets/picture_picker.js";
import { wordsBox } from "./words_box.js";

export function mount({ element, props, upload, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const frame = $(".frame");
  const picture = $(".picture");
  const TINY = 100;
  const boxMark = $(".box");
  const video = $("video");
  const input = $("input[type=file]");
  const button = (name) => $(`[data-do=${name}]`);
  const SMALLEST = 0.03;
  const STEP = 0.02;
  const previews = new Map();
  const words = wordsBox($(".wording"), (said) => ask(said, { words: true }));
  let camera = null;
  let worded = false;
  let shown = {};
  let settle = 0;

  const address = (id, side) =>
    pictureAddress(shown.catalog, id, side);
  const source = () =>
    shown.picture ? previews.get(shown.picture.path) ?? shown.picture.url : shown.item ? address(shown.item, 640) : "";

  function say(text) {
    const problem = $(".problem");
    problem.textContent = text;
    problem.hidden = !text;
  }

  // Ask another question; it becomes a step of the browser's history unless it only nudges the one before.
  function ask(change, { words: byWords = false, step = true } = {}) {
    const other = Boolean(change.item || change.picture);
    shown = { ...shown, ...change, ...(other ? words.withPicture() : {}) };
    worded = byWords;
    say("");
    words.say("");
    draw();
    props.value = shown;
    const state = { question: shown, depth: (window.history.state?.depth ?? 0) + (step ? 1 : 0) };
    if (step) window.history.pushState(state, "", link());
    else window.history.replaceState(state, "", link());
    button("back").hidden = !state.depth;
    tell(document, "asked", { far: other });
  }

  // Take a question of the history up again; the tab and the catalogue of that time come back with it.
  function takeUp({ state }) {
    const tab = new URL(window.location).searchParams.get("tab");
    if (!state?.question || state.question.catalog !== shown.catalog) return window.location.reload();
    shown = { ...state.question, examples: shown.examples, offer: shown.offer };
    props.value = shown;
    say("");
    draw();
    words.show(shown);
    const place = document.querySelector(`[role="tab"][data-tab-id="${CSS.escape(tab ?? "")}"]`);
    if (place && place.getAttribute("aria-selected") !== "true") place.click();
    tell(document, "asked");
  }

  function link() {
    const here = new URL(window.location);
    const text = shown.text?.trim();
    const known = { catalog: shown.catalog, item: shown.item, words: text };
    for (const [name, given] of Object.entries(known)) {
      if (given) here.searchParams.set(name, given);
      else here.searchParams.delete(name);
    }
    return here;
  }

  function draw() {
    const src = source();
    $(".hint").hidden = Boolean(src);
    frame.hidden = !src;
    if (picture.getAttribute("src") !== src) picture.setAttribute("src", src);
    picture.alt = shown.alt ?? "";
    drawBox(shown.box);
    button("box").hidden = !src;
    button("back").hidden = !window.history.state?.depth;
    tell(document, "subject", { src, alt: shown.alt });
  }

  function drawBox(box) {
    boxMark.hidden = !box;
    button("box").textContent = box ? "Clear part" : "Select part";
    if (!box) return;
    const [left, top, right, bottom] = box.map((value) => value * 100);
    Object.assign(boxMark.style, {
      left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%`,
    });
  }

  function drawExamples() {
    $(".examples").replaceChildren(
      ...(shown.examples ?? []).map(({ id, alt }) => {
        const choice = document.createElement("button");
        const image = document.createElement("img");
        choice.type = "button";
        Object.assign(image, { src: address(id, 160), alt: alt ? `Example: ${alt}` : "Example", loading: "lazy" });
        choice.append(image);
        choice.addEventListener("click", () => search({ item: id, alt }));
        return choice;
      }),
    );
  }

  function search(change) {
    ask({ picture: null, item: null, alt: "", box: null, liked: [], disliked: [], ...change });
  }

  async function pick(file) {
    say("");
    if (!file) return;
    const problem = fileProblem(file, shown.limit, "searched");
    if (problem) return say(problem);
    element.classList.add("sending");
    try {
      const sent = await sendPicture(upload, file);
      previews.set(sent.path, URL.createObjectURL(file));
      search({ picture: sent, alt: `Your picture: ${file.name}` });
    } catch {
      say("The file could not be sent. Check the connection and try again.");
    } finally {
      element.classList.remove("sending");
    }
  }

  function toggleBox() {
    ask({ box: shown.box ? null : [0.2, 0.2, 0.8, 0.8] });
    if (shown.box) frame.focus();
  }

  const back = () => window.history.back();

  async function openCamera() {
    if (camera) return takePicture();
    if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices) {
      input.setAttribute("capture", "environment");
      return input.click();
    }
    try {
      camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      return say("The camera could not be opened. Allow it in the browser, or choose a file.");
    }
    video.srcObject = camera;
    await video.play();
    video.hidden = false;
    frame.hidden = true;
    $(".hint").hidden = true;
    button("camera").textContent = "Take the picture";
  }

  function closeCamera() {
    for (const track of camera?.getTracks() ?? []) track.stop();
    camera = null;
    video.hidden = true;
    button("camera").textContent = "Camera";
    draw();
  }

  function takePicture() {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    closeCamera();
    canvas.toBlob((blob) => pick(new File([blob], "camera.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
  }

  const clamp = (value, low = 0, high = 1) => Math.min(Math.max(value, low), high);
  const rounded = (box) => box.map((value) => Math.round(value * 1e4) / 1e4);
  const spans = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];

  function shift([left, top, right, bottom], dx, dy) {
    const x = clamp(dx, -left, 1 - right);
    const y = clamp(dy, -top, 1 - bottom);
    return [left + x, top + y, right + x, bottom + y];
  }

  function at(event) {
    const area = picture.getBoundingClientRect();
    return [clamp((event.clientX - area.left) / area.width), clamp((event.clientY - area.top) / area.height)];
  }

  function drag(event) {
    if (event.button || !event.isPrimary) return;
    const start = at(event);
    const before = shown.box;
    const corner = event.target.dataset.corner;
    const moving = event.target === boxMark;
    const anchor = corner
      ? [before[corner.endsWith("w") ? 2 : 0], before[corner.startsWith("n") ? 3 : 1]]
      : start;
    let box = before;
    const move = (next) => {
      const [x, y] = at(next);
      box = moving ? shift(before, x - start[0], y - start[1]) : spans(anchor, [x, y]);
      drawBox(box);
    };
    const end = (last) => {
      frame.removeEventListener("pointermove", move);
      frame.removeEventListener("pointerup", end);
      frame.removeEventListener("pointercancel", end);
      const large = box && box[2] - box[0] >= SMALLEST && box[3] - box[1] >= SMALLEST;
      if (last.type === "pointerup" && box !== before && large) ask({ box: rounded(box) });
      else drawBox(before);
    };
    frame.setPointerCapture(event.pointerId);
    frame.addEventListener("pointermove", move);
    frame.addEventListener("pointerup", end);
    frame.addEventListener("pointercancel", end);
  }

  function key(event) {
    const arrow = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.key === "Enter" && !shown.box) toggleBox();
    else if (event.key === "Escape" && shown.box) ask({ box: null });
    else if (arrow && shown.box) nudge(arrow, event.shiftKey);
    else return;
    event.preventDefault();
  }

  function nudge([dx, dy], resize) {
    const [left, top, right, bottom] = shown.box;
    const box = resize
      ? [left, top, clamp(right + dx, left + SMALLEST), clamp(bottom + dy, top + SMALLEST)]
      : shift(shown.box, dx, dy);
    shown = { ...shown, box: rounded(box) };
    drawBox(shown.box);
    clearTimeout(settle);
    settle = setTimeout(() => ask({}, { step: false }), 400);
  }


  const doings = { upload: () => input.click(), camera: openCamera, box: toggleBox, back };
  for (const [name, doing] of Object.entries(doings)) button(name).addEventListener("click", doing);
  frame.addEventListener("pointerdown", drag);
  frame.addEventListener("keydown", key);
  picture.addEventListener("load", () => {
    picture.classList.toggle("tiny", Math.max(picture.naturalWidth, picture.naturalHeight) < TINY);
  });
  picture.addEventListener("error", () => {
    if (picture.getAttribute("src")) picture.alt = "Your browser cannot show this file.";
  });
  document.addEventListener("query", ({ detail }) => (detail.item ? search(detail) : ask(detail)));
  // What was wrong with the words is said under them, anything else under the picture.
  document.addEventListener("problem", ({ detail }) => (worded ? words.say(detail) : say(detail)));
  window.addEventListener("popstate", takeUp);
  listenForPictures({ element, place: document, input, take: pick });

  function receive() {
    shown = plain(props.value);
    draw();
    drawExamples();
    words.show(shown);
    if (!shown.catalog || element.offsetParent === null) return;
    const depth = window.history.state?.depth ?? 0;
    window.history.replaceState({ question: shown, depth }, "", link());
  }
  watch("value", receive);
  receive();
}
