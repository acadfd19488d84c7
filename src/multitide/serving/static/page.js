"use strict";
// Draws what /predict answers. Names come from the data: they are set as text, never as HTML.
const LEFT = 62, RIGHT = 8, TOP = 8, BOTTOM = 20;
const KINDS = { parquet: "application/vnd.apache.parquet" };
const part = (id) => document.getElementById(id);
let answer = null, key = "", WIDTH = 720;

function add(parent, tag, attributes = {}, text = null) {
  const inSvg = tag === "svg" || parent.namespaceURI.endsWith("svg");
  const made = inSvg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  parent.appendChild(made);
  return made;
}

function say(text, wrong = false) {
  part("message").textContent = text;
  part("message").className = wrong ? "wrong" : "";
}

function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers["X-API-Key"] = key;
  return fetch(path, { ...options, headers });
}

async function introduce() {
  const response = await ask("/schema");
  part("key-form").hidden = response.status !== 401;
  const about = await response.json();
  if (!response.ok) { part("about").textContent = about.detail; return; }
  const tasks = about.tasks.map((task) => task.name).join(", ");
  part("about").textContent = `Predicts ${tasks} from ${about.channels.join(", ")}.`;
}

async function predict(file) {
  say(`Reading ${file.name} …`);
  part("result").hidden = true;
  const suffix = file.name.split(".").pop().toLowerCase();
  try {
    const response = await ask("/predict?series=true", {
      method: "POST", body: file, headers: { "Content-Type": KINDS[suffix] || "text/csv" },
    });
    const content = await response.json();
    if (!response.ok) { say(content.detail, true); return; }
    answer = content;
  } catch (error) { say(`The server cannot be reached (${error.message}).`, true); return; }
  say(`${answer.n_samples} predictions for ${file.name}.`);
  const choice = part("recording");
  choice.replaceChildren();
  answer.recordings.forEach((each, i) => add(choice, "option", { value: i }, each.series));
  part("notes").replaceChildren();
  answer.notes.forEach((note) => add(part("notes"), "li", {}, note));
  part("result").hidden = false;
  draw();
}

const known = (values) => values.filter((value) => typeof value === "number");
const round = (value) => Number(value.toPrecision(4)).toString();

function chart(title, note, height, low, high, steps, paint) {
  const heading = add(part("charts"), "h2", {}, title);
  if (note) add(heading, "small", {}, ` ${note}`);
  const svg = add(part("charts"), "svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": title });
  if (!(high > low)) { low -= 0.5; high += 0.5; }
  const x = (step) => LEFT + (WIDTH - LEFT - RIGHT) * (steps ? step / steps : 0.5);
  const y = (value) => height - BOTTOM - (height - TOP - BOTTOM) * (value - low) / (high - low);
  add(svg, "line", { x1: LEFT, x2: WIDTH - RIGHT, y1: height - BOTTOM, y2: height - BOTTOM, class: "axis" });
  paint(svg, x, y);
  return svg;
}

function numbersOnAxis(svg, y, low, high) {
  for (const value of low < high ? [low, high] : [low]) {
    add(svg, "text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, round(value));
  }
}

function path(points) {
  let text = "", pen = "M";
  for (const [x, y] of points) {
    if (y === null) { pen = "M"; continue; }
    text += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = "L";
  }
  return text;
}

function timesBelow(svg, recording, x, height) {
  const times = answer.origin.time;
  const last = recording.samples.length - 1;
  for (const [i, anchor] of last ? [[0, "start"], [last, "end"]] : [[0, "end"]]) {
    const label = times ? times[recording.samples[i]] : `step ${recording.ends[i] + 1}`;
    add(svg, "text", { x: Math.min(Math.max(x(recording.ends[i]), LEFT), WIDTH - RIGHT), y: height - 4, "text-anchor": anchor },
      String(label).replace(/:00\.0+$/, "").replace("T", " "));
  }
}

function drawChannel(name, values, recording, steps) {
  const seen = known(values), low = Math.min(...seen), high = Math.max(...seen);
  if (!seen.length) return;
  chart(name, "", 110, low, high, steps, (svg, x, y) => {
    numbersOnAxis(svg, y, low, high);
    const points = values.map((value, i) => [x(recording.steps[i]), value === null ? null : y(value)]);
    add(svg, "path", { d: path(points), class: "line" });
    timesBelow(svg, recording, x, 110);
  });
}

function drawNumber(name, values, bands, recording, steps) {
  const own = recording.samples.map((i) => values[i]);
  const edges = bands ? recording.samples.map((i) => [bands[0][i], bands[1][i]]) : [];
  const seen = known(own.concat(edges.flat()));
  if (!seen.length) return;
  const low = Math.min(...seen), high = Math.max(...seen);
  const note = bands ? `predicted, ${bands[2]}` : "predicted";
  chart(name, note, 150, low, high, steps, (svg, x, y) => {
    numbersOnAxis(svg, y, low, high);
    const at = (i) => x(recording.ends[i]);
    if (bands && own.length > 1) {
      const above = edges.map((edge, i) => [at(i), y(edge[1])]);
      const below = edges.map((edge, i) => [at(i), y(edge[0])]).reverse();
      add(svg, "path", { d: path(above.concat(below)) + "Z", class: "band" });
    } else if (bands) {
      add(svg, "rect", { x: at(0) - 6, width: 12, y: y(edges[0][1]), height: Math.max(1, y(edges[0][0]) - y(edges[0][1])), class: "band" });
    }
    if (own.length > 1) add(svg, "path", { d: path(own.map((value, i) => [at(i), value === null ? null : y(value)])), class: "line" });
    if (own.length < 60) own.forEach((value, i) => value === null || add(svg, "circle", { cx: at(i), cy: y(value), r: 3, class: "dot" }));
    timesBelow(svg, recording, x, 150);
  });
}

function drawClasses(name, task, recording, steps) {
  const classes = Object.entries(task.probabilities);
  if (recording.samples.length === 1) { drawBars(name, task, recording.samples[0]); return; }
  const height = TOP + BOTTOM + 22 * classes.length;
  chart(name, "probability of each class: the darker, the likelier; a line below what is predicted", height, 0, classes.length, steps, (svg, x) => {
    classes.forEach(([value, shares], row) => {
      const top = TOP + 22 * row;
      add(svg, "text", { x: LEFT - 6, y: top + 14, "text-anchor": "end" }, value.length > 10 ? `${value.slice(0, 9)}…` : value);
      let from = LEFT;
      recording.samples.forEach((sample, i) => {
        const next = i + 1 < recording.ends.length ? (x(recording.ends[i]) + x(recording.ends[i + 1])) / 2 : WIDTH - RIGHT;
        if (i === 0) from = Math.max(LEFT, 2 * x(recording.ends[0]) - next);
        const mark = add(svg, "rect", { x: from, y: top + 2, width: Math.max(0.5, next - from), height: 17, class: "mark", "shape-rendering": "crispEdges", "fill-opacity": shares[sample] ?? 0 });
        const chosen = task.chosen && task.chosen[value][sample];
        add(mark, "title", {}, `${value}: ${round(shares[sample] ?? 0)}${chosen ? ", predicted" : ""}`);
        if (chosen) add(svg, "rect", { x: from, y: top + 20, width: Math.max(0.5, next - from), height: 2, class: "chosen", "shape-rendering": "crispEdges" });
        from = next;
      });
    });
    timesBelow(svg, recording, x, height);
  });
}

function drawBars(name, task, sample) {
  const predicted = Object.values(task.predictions).map((values) => String(values[sample])).join(", ");
  const heading = add(part("charts"), "h2", {}, `${name}: ${predicted}`);
  add(heading, "small", {}, " predicted");
  const table = add(part("charts"), "table");
  for (const [value, shares] of Object.entries(task.probabilities)) {
    const row = add(table, "tr");
    add(row, "td", {}, value);
    add(add(row, "td"), "span", { class: "bar" }).style.width = `${(10 * (shares[sample] ?? 0)).toFixed(2)}rem`;
    add(row, "td", {}, round(shares[sample] ?? 0));
    add(row, "td", {}, task.chosen && task.chosen[value][sample] ? "predicted" : "");
  }
}

function bandsOf(task, column) {
  const interval = task.interval && task.interval.columns;
  if (interval && interval[`${column}_low`]) {
    return [interval[`${column}_low`], interval[`${column}_high`], `with the interval that has ${round(100 * task.interval.level)} % of labels`];
  }
  const edges = Object.entries(task.quantiles || {});
  if (edges.length < 2) return null;
  const [low, high] = [edges[0], edges[edges.length - 1]];
  return [low[1], high[1], `with the quantiles ${low[0]} and ${high[0]}`];
}

function draw() {
  part("charts").replaceChildren();
  WIDTH = Math.max(280, part("charts").clientWidth);  // so that text keeps its size on a phone
  const recording = answer.recordings[part("recording").value || 0];
  const steps = Math.max(recording.steps[recording.steps.length - 1] || 0, ...recording.ends);
  for (const [name, task] of Object.entries(answer.tasks)) {
    if (task.probabilities) { drawClasses(name, task, recording, steps); continue; }
    for (const [column, values] of Object.entries(task.predictions)) drawNumber(column, values, bandsOf(task, column), recording, steps);
  }
  for (const [name, values] of Object.entries(recording.channels)) drawChannel(name, values, recording, steps);
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save() {
  const columns = Object.entries(answer.origin);
  for (const [name, task] of Object.entries(answer.tasks)) {
    columns.push(...Object.entries(task.predictions));
    for (const [value, shares] of Object.entries(task.probabilities || {})) columns.push([`p(${name}=${value})`, shares]);
    for (const [column, values] of Object.entries(task.interval?.columns || {})) columns.push([column, values.map((value) => Array.isArray(value) ? value.join(" | ") : value)]);
    for (const [level, values] of Object.entries(task.quantiles || {})) columns.push([`q(${name}=${level})`, values]);
  }
  const lines = [columns.map(([name]) => cell(name)).join(",")];
  for (let i = 0; i < answer.n_samples; i += 1) lines.push(columns.map(([, values]) => cell(values[i])).join(","));
  const link = document.createElement("a");
  link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(lines.join("\n") + "\n")}`;
  link.download = "predictions.csv";
  link.click();
}

part("file").addEventListener("change", (event) => event.target.files[0] && predict(event.target.files[0]));
part("recording").addEventListener("change", draw);
window.addEventListener("resize", () => answer && draw());
part("save").addEventListener("click", save);
part("key-form").addEventListener("submit", (event) => { event.preventDefault(); key = part("key").value; introduce(); });
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    part("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) predict(event.dataTransfer.files[0]);
  });
}
introduce();
