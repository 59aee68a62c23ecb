// Training: what there is to learn, progress by epoch, stop, then how good it is, kind by kind and picture by picture.
import { make, makeSvg, pictureAddress, plain } from "../../widgets/elements.js";
import { ended, followRun, runPanel, tell } from "../../widgets/training_panel.js";

export function mount({ element, props, trigger, server, watch }) {
  const $ = (selector) => element.querySelector(selector);
  const form = $("form");
  const body = $(".run");
  const earlier = $(".pro-earlier");
  const picker = earlier.querySelector("select");
  const control = Object.fromEntries([...element.querySelectorAll("[data-set]")].map((each) => [each.dataset.set, each]));
  const MOST_CELLS = 24;
  let value = {};
  let run = null;

  const percent = (share) => (share === null || share === undefined ? "–" : `${(share * 100).toFixed(share < 1 ? 1 : 0)} %`);
  const left = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s left` : `${Math.round(seconds / 60)} min left`);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = { catalog: value.catalog, name: control.name.value, epochs: Number(control.epochs.value) };
    const started = await server.start(wanted);
    tell(form, started.problem);
    if (!started.problem) show(started.name);
  });
  picker.addEventListener("change", () => picker.value && show(picker.value));

  async function count() {
    if (!value.catalog) return;
    const found = await server.counts({ catalog: value.catalog });
    tell(form, found.problem);
    form.querySelector("button").disabled = Boolean(found.problem);
    const kinds = Object.entries(found.counts ?? {});
    const shown = kinds.slice(0, 40).map(([name, many]) => `${name} ${many}`).join(" · ");
    $(".pro-counts").textContent = kinds.length ? `${kinds.length} kinds: ${shown}${kinds.length > 40 ? " …" : ""}` : "";
    const runs = found.runs ?? [];
    earlier.hidden = !runs.length;
    picker.replaceChildren(make("option", { value: "" }, "choose …"), ...runs.map(({ name }) => make("option", { value: name }, name)));
  }

  function show(name) {
    clearTimeout(run?.poll);
    const mine = { name, epochs: [] };
    run = mine;
    const paint = runPanel(server, body, mine, "Stop and keep the best");
    followRun({ server, trigger }, mine, () => run === mine, (more) => paint(words(), part(), more, results), count);
  }

  function words() {
    const last = run.epochs.at(-1);
    if (run.state === "running" && last) return `Epoch ${last.number} of ${last.of} · ${left(last.seconds_left)}`;
    if (run.state === "running") return run.now ? `Looking at the pictures: ${run.now.done} of ${run.now.total} · ${left(run.now.seconds_left)}` : "Starting …";
    if (run.state === "stopped") return run.about ? "Stopped; the best epoch so far is kept." : "Stopped before anything was learnt.";
    return `Done. Choose '${run.name}' under More.`;
  }

  function curves() {
    const [width, height, across] = [460, 150, 250];
    const svg = makeSvg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Loss and accuracy by epoch", class: "pro-curves" });
    const of = Math.max(ended(run) ? run.epochs.length : run.epochs.at(-1).of, 2);
    const lines = [["loss", "loss", 0], ["held_loss", "loss, held out", 0], ["accuracy", "right", 1], ["held_accuracy", "right, held out", 1]];
    lines.forEach(([name, title, row], n) => {
      const series = run.epochs.map((epoch) => epoch[name]).filter((v) => v !== null && v !== undefined);
      if (!series.length) return;
      const top = row ? 1 : Math.max(...run.epochs.flatMap((epoch) => [epoch.loss, epoch.held_loss ?? 0]));
      const points = series.map((v, k) => `${(8 + (k / (of - 1)) * (across - 8)).toFixed(1)},${(row * 75 + 66 - (v / (top || 1)) * 56).toFixed(1)}`);
      const y = row * 75 + 24 + (n % 2) * 20;
      svg.append(makeSvg("polyline", { points: points.join(" "), class: `c${n % 2}` }));
      svg.append(makeSvg("polyline", { points: `${across + 18},${y - 4} ${across + 38},${y - 4}`, class: `c${n % 2}` }));
      const last = row ? percent(series.at(-1)) : series.at(-1).toFixed(3);
      svg.append(makeSvg("text", { x: across + 46, y }, `${title} ${last}`));
    });
    return svg;
  }

  function table(head, rows, name) {
    const top = make("tr", {}, ...head.map((each) => make("th", { scope: "col" }, each)));
    const lines = rows.map((row) => make("tr", {}, ...row.map((cell, n) => make(n ? "td" : "th", n ? {} : { scope: "row" }, `${cell}`))));
    return make("div", { class: "pro-scroll", tabindex: "0", role: "region", "aria-label": name }, make("table", {}, make("thead", {}, top), make("tbody", {}, ...lines)));
  }

  function confusion(about) {
    const many = about.classes.length > MOST_CELLS;
    if (many) {
      const pairs = about.confusion.flatMap((row, i) => row.map((n, j) => [n, i, j])).filter(([n, i, j]) => n && i !== j);
      pairs.sort((a, b) => b[0] - a[0]);
      return table(["is", "was taken for", "times"], pairs.slice(0, 40).map(([n, i, j]) => [about.classes[i], about.classes[j], n]), "Commonest mistakes");
    }
    const most = Math.max(...about.confusion.flat(), 1);
    const shown = table(["is \\ taken for", ...about.classes], about.confusion.map((row, i) => [about.classes[i], ...row]), "Confusion matrix");
    for (const [i, tr] of shown.querySelectorAll("tbody tr").entries()) for (const [j, td] of tr.querySelectorAll("td").entries()) {
      const share = about.confusion[i][j] / most;
      td.style.background = share ? `color-mix(in srgb, var(${i === j ? "--accent" : "--warn, #c2410c"}) ${Math.round(12 + share * 50)}%, transparent)` : "";
      if (!about.confusion[i][j]) td.textContent = "";
    }
    return shown;
  }

  function sample(each) {
    const right = each.truth === each.label;
    const image = make("img", { src: pictureAddress(value.catalog, each.id, 160), alt: each.truth, loading: "lazy" });
    const probabilities = each.probabilities.filter(([, share], n) => !n || share >= 0.005).map(([name, share]) => `${name} ${percent(share)}`).join(", ");
    const mark = make("strong", { class: right ? "right" : "wrong" }, right ? "right" : "wrong");
    return make("figure", {}, image, make("figcaption", {}, mark, ` ${each.truth}${right ? "" : `, taken for ${each.label}`}`, make("span", {}, probabilities)));
  }

  function judged(about) {
    const parts = [make("p", {}, about.tested ? `${about.right} of ${about.tested} held-out pictures right (${percent(about.right / about.tested)}); epoch ${about.best} is kept.` : "No kind had a picture to spare for judging.")];
    if (about.apart && about.tested) parts.push(make("p", { class: "pro-note" }, `Pictures with the same ${about.apart.replaceAll("_", " ")} were kept on one side, so that nothing is judged by a twin of what was learnt.`));
    if (about.untested.length && about.tested) parts.push(make("p", { class: "pro-note" }, `Too few pictures to judge: ${about.untested.slice(0, 12).join(", ")}${about.untested.length > 12 ? " …" : ""}.`));
    if (about.skipped.length) parts.push(make("p", { class: "pro-note" }, `${about.skipped.length} pictures could not be read.`));
    const kinds = about.kinds.map((kind) => [kind.label, kind.pictures, kind.tested, percent(kind.precision), percent(kind.recall)]);
    parts.push(make("h4", {}, "Kind by kind"), table(["kind", "pictures", "judged", "precision", "recall"], kinds, "Kind by kind"));
    if (about.tested) parts.push(make("h4", {}, "What was taken for what"), confusion(about));
    if (about.samples.length) parts.push(make("h4", {}, "Some of the held-out pictures"), make("div", { class: "pro-samples" }, ...about.samples.map(sample)));
    parts.push(make("h4", {}, "The model"), table(["part", "gives", "parameters"], about.summary.map(([part, gives, many]) => [part, gives, many.toLocaleString()]), "The model"));
    return parts;
  }

  function part() {
    const last = run.epochs.at(-1);
    return last ? last.number / last.of : (run.now?.done ?? 0) / (run.now?.total ?? 1);
  }

  function results() {
    return [...(run.epochs.length ? [curves()] : []), ...(run.about ? judged(run.about) : [])];
  }

  function receive() {
    value = plain(props.value);
    count();
  }
  watch("value", receive);
  receive();
}
