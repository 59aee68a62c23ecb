// Training: a form, and one panel for each of two runs that are compared: curves, samples by epoch, stop.
import { make, makeSvg, plain } from "../../widgets/elements.js";
import { followRun, runPanel, tell } from "../../widgets/training_panel.js";

export function mount({ element, props, trigger, server, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const form = $("form");
  const panels = $(".lat-runs");
  const control = Object.fromEntries([...element.querySelectorAll("[data-set]")].map((each) => [each.dataset.set, each]));
  const CURVES = [["reconstruction", "reconstruction"], ["kl", "KL"], ["held_out", "held-out loss"]];
  const shown = [];
  let value = {};
  let known = [];

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const number = (name) => Number(control[name].value);
    const wanted = { name: control.name.value, latent: number("latent"), beta: number("beta"), epochs: number("epochs") };
    const started = await server.start({ catalog: value.catalog, ...wanted });
    tell(form, started.problem);
    if (started.problem) return;
    await list();
    show(0, started.name);
  });

  async function list() {
    if (!value.catalog) return;
    const found = await server.runs({});
    known = found.runs ?? [];
    drawPickers();
  }

  function show(slot, name) {
    clearTimeout(shown[slot]?.poll);
    const body = panels.children[slot].querySelector(".lat-body");
    const run = name ? { name, epochs: [], at: -1 } : null;
    shown[slot] = run;
    if (!run) return body.replaceChildren();
    const paint = runPanel(server, body, run, "Stop and keep");
    followRun({ server, trigger }, run, () => shown[slot] === run, (more) => {
      // The samples shown go with the newest epoch, unless the visitor has chosen an earlier one.
      if (more && run.at === run.epochs.length - 1 - more) run.at = run.epochs.length - 1;
      paint(words(run), run.now?.part ?? 0, more, () => results(run));
    }, list);
  }

  function words(run) {
    const part = `${Math.round((run.now?.part ?? 0) * 100)} %`;
    if (run.state === "running") return (run.now?.step ?? "reading") === "reading" ? `Reading the pictures: ${part}` : `Training: ${part}`;
    return { done: "Done. Choose it under More, Latent space.", stopped: "Stopped; what it had learnt is kept." }[run.state] ?? "";
  }

  function facts(run) {
    const { recipe, data, pictures, classes } = run.about ?? {};
    if (!recipe) return "";
    const kinds = classes?.length > 1 ? `, ${classes.length} kinds learnt` : "";
    return `${pictures.toLocaleString()} pictures of ${data}${kinds} · ${recipe.latent} numbers · beta ${recipe.beta}`;
  }

  function curves(run) {
    const [width, height, margin] = [420, 130, 8];
    const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Nats a picture by epoch" });
    const of = Math.max(run.epochs.at(-1).of, 2);
    CURVES.forEach(([name, title], n) => {
      const series = run.epochs.map((epoch) => epoch[name]).filter(Number.isFinite);
      if (!series.length) return;
      const [low, high] = [Math.min(...series), Math.max(...series)];
      const x = (k) => margin + (k / (of - 1)) * (width - 150);
      const y = (v) => 12 + n * 40 + (1 - (v - low) / (high - low || 1)) * 26;
      svg.append(makeSvg("polyline", { points: series.map((v, k) => `${x(k).toFixed(1)},${y(v).toFixed(1)}`).join(" "), class: `c${n}` }));
      svg.append(makeSvg("text", { x: width - 134, y: 30 + n * 40 }, `${title} ${series.at(-1).toFixed(1)} nats`));
    });
    return svg;
  }

  function samples(run) {
    const at = run.at < 0 ? run.epochs.length - 1 : Math.min(run.at, run.epochs.length - 1);
    run.at = at;
    const epoch = run.epochs[at];
    const image = make("img", { src: epoch.samples, alt: `Forty drawings after epoch ${epoch.number}`, class: "lat-samples" });
    const slider = make("input", { type: "range", min: 0, max: run.epochs.length - 1, value: at, "aria-label": "Epoch" });
    const label = make("span", {}, `Drawn after epoch ${epoch.number}`);
    slider.addEventListener("input", () => {
      run.at = Number(slider.value);
      const now = run.epochs[run.at];
      image.src = now.samples;
      label.textContent = `Drawn after epoch ${now.number}`;
    });
    return [image, make("label", { class: "lat-epoch" }, label, slider)];
  }

  function results(run) {
    return [make("p", { class: "lat-note" }, facts(run)), ...(run.epochs.length ? [curves(run), ...samples(run)] : [])];
  }

  function drawPickers() {
    for (const [slot, panel] of [...panels.children].entries()) {
      const select = panel.querySelector("select");
      const chosen = shown[slot]?.name ?? "";
      const none = make("option", { value: "" }, slot ? "compare with …" : "choose a run …");
      select.replaceChildren(none, ...known.map(({ name }) => make("option", { value: name }, name)));
      select.value = chosen;
      panel.hidden = !known.length || (slot === 1 && known.length < 2);
    }
  }

  for (const slot of [0, 1]) {
    const select = make("select", { "aria-label": slot ? "Run to compare with" : "Run" });
    select.addEventListener("change", () => show(slot, select.value));
    panels.append(make("div", { class: "lat-run", hidden: "" }, select, make("div", { class: "run lat-body" })));
  }

  function receive() {
    value = plain(props.value);
    list();
  }
  watch("value", receive);
  receive();
}
