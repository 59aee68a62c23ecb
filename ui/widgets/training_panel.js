// What the training panels share: a run that is followed until it ends, its progress, its end.
import { make } from "./elements.js";

const POLL = 800;
export const ended = (run) => ["done", "stopped", "failed"].includes(run.state);

// Ask the component's server how `run` stands, draw it, and ask again until it ends; `still` says whether anybody
// looks at it. A run that ends while it is followed says so by `over`, and by the component's 'submit' event.
export async function followRun({ server, trigger }, run, still, draw, over) {
  const told = await server.follow({ name: run.name, known: run.epochs.length });
  if (!still()) return;
  const before = run.state;
  const more = told.epochs ?? [];
  Object.assign(run, told, { epochs: [...run.epochs, ...more] });
  draw(more.length);
  if (told.problem) return;
  if (!ended(run)) run.poll = setTimeout(() => followRun({ server, trigger }, run, still, draw, over), POLL);
  else if (before && !ended({ state: before })) {
    over();
    trigger("submit");
  }
}

// The panel of a run in `body`. What can be clicked or moved stays in place while the run goes on: only words change,
// and the rest is filled anew when there is another epoch, or the end.
export function runPanel(server, body, run, keep) {
  const state = make("p", { class: "run-state", role: "status" });
  const bar = make("progress", { max: 1, value: 0, "aria-label": "Training" });
  const stop = make("button", { type: "button" });
  const rest = make("div", { class: "run-rest" });
  stop.addEventListener("click", () => {
    stop.disabled = true;
    server.stop({ name: run.name });
  });
  body.replaceChildren(state, bar, stop, rest);
  return (words, part, more, fill) => {
    state.textContent = run.problem || run.error || (run.state === "waiting" ? waits(run) : words);
    state.classList.toggle("problem", Boolean(run.problem || run.error));
    bar.hidden = stop.hidden = Boolean(run.problem) || ended(run);
    bar.value = part;
    const label = run.state === "waiting" ? "Do not train" : keep;
    if (stop.textContent !== label) stop.textContent = label;
    if (more || ended(run)) rest.replaceChildren(...fill());
  };
}

function waits(run) {
  return `Waiting: ${run.place} ${run.place === 1 ? "training goes" : "trainings go"} before this one.`;
}

export function tell(form, text) {
  const line = form.querySelector(".problem");
  line.textContent = text ?? "";
  line.hidden = !text;
}
