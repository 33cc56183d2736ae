"use strict";
// The form of a blinded reading. All it knows stands in #data; what is answered is kept in the browser and given out as a file.
const data = JSON.parse(document.getElementById("data").textContent);
const place = "neuromyo-reading-" + data.form;
const byKey = new Map(data.grades.map(g => [g.key, g.value]));
const el = id => document.getElementById(id);
let answers = {}, at = 0, slice = 0, field = 0, unsaved = false, kept = true, light = 0;

function restore() {
  try {
    const held = JSON.parse(localStorage.getItem(place) || "{}");
    for (const one of data.cases)
      for (const f of data.fields) {
        const value = (held[one.code] || {})[f.id];
        if (data.grades.some(g => g.value === value)) (answers[one.code] ||= {})[f.id] = value;
      }
  } catch { kept = false; }
}

function keep() {
  unsaved = true;
  try { localStorage.setItem(place, JSON.stringify(answers)); } catch { kept = false; }
}

const given = code => data.fields.filter(f => (answers[code] || {})[f.id]).length;
const total = () => data.cases.reduce((n, one) => n + given(one.code), 0);

function make(tag, words, more) {
  const node = document.createElement(tag);
  if (words !== undefined) node.textContent = words;
  return Object.assign(node, more || {});
}

function build() {
  for (const f of data.fields) {
    const row = make("fieldset", undefined, { id: "field-" + f.id, className: "field" });
    row.append(make("legend", f.title));
    const choices = make("div", undefined, { className: "choices" });
    for (const g of data.grades) {
      const button = make("button", g.value === "n/a" ? "not judged" : g.value, { type: "button", title: g.meaning });
      button.dataset.value = g.value;
      button.setAttribute("aria-label", f.title + ": " + g.value + ", " + g.meaning);
      if (g.key !== g.value) button.append(make("kbd", g.key));
      button.onclick = () => { field = data.fields.indexOf(f); grade(g.value); };
      choices.append(button);
    }
    row.append(choices);
    row.onfocusin = () => { field = data.fields.indexOf(f); mark(); };
    el("fields").append(row);
  }
  for (const [n, one] of data.cases.entries()) {
    const button = make("button", one.code, { type: "button" });
    button.onclick = () => go(n);
    el("cases").append(button);
  }
}

function show() {
  const one = data.cases[at];
  el("case").textContent = "Case " + one.code;
  const picture = one.pictures[slice];
  const image = el("image");
  image.src = picture.uri;
  image.alt = "Case " + one.code + ", slice " + (slice + 1) + " of " + one.pictures.length;
  el("film").style.aspectRatio = picture.width + " / " + picture.height;
  el("film").style.setProperty("--aspect", picture.width / picture.height);
  ["left", "right", "top", "bottom"].forEach((side, n) => { el("at-" + side).textContent = picture.letters[n]; });
  el("slices").textContent = "slice " + (slice + 1) + " of " + one.pictures.length;
  for (const f of data.fields)
    for (const button of el("field-" + f.id).querySelectorAll("button"))
      button.setAttribute("aria-pressed", String((answers[one.code] || {})[f.id] === button.dataset.value));
  mark();
}

function mark() {
  const one = data.cases[at], all = data.cases.length * data.fields.length, done = total();
  data.fields.forEach((f, n) => el("field-" + f.id).classList.toggle("here", n === field));
  [...el("cases").children].forEach((button, n) => {
    button.classList.toggle("done", given(data.cases[n].code) === data.fields.length);
    button.toggleAttribute("aria-current", n === at);
  });
  el("progress").textContent = "case " + (at + 1) + " of " + data.cases.length + ", " + done + " of " + all + " grades given";
  el("bar").value = done; el("bar").max = all;
  el("state").textContent = done === all ? (unsaved ? "All grades are given. Save the answers now." : "All grades are given.")
    : given(one.code) === data.fields.length ? "This case is done. Enter goes to the next." : "";
  el("kept").textContent = kept ? "What you have answered is kept in this browser; save it as a file when you are done."
    : "This browser keeps nothing: save the answers before you close the page.";
}

function grade(value) {
  const code = data.cases[at].code;
  (answers[code] ||= {})[data.fields[field].id] = value;
  keep();
  if (field < data.fields.length - 1) field += 1;
  show();
  el("field-" + data.fields[field].id).scrollIntoView({ block: "nearest" });
}

function go(n) {
  at = Math.max(0, Math.min(data.cases.length - 1, n));
  slice = Math.floor((data.cases[at].pictures.length - 1) / 2);
  field = Math.max(0, data.fields.findIndex(f => !(answers[data.cases[at].code] || {})[f.id]));
  show();
}

function turn(by) {
  slice = Math.max(0, Math.min(data.cases[at].pictures.length - 1, slice + by));
  show();
}

function lighten(by) {
  light = by ? Math.max(-4, Math.min(4, light + by)) : 0;
  el("image").style.filter = "brightness(" + 1.25 ** light + ")";
}

function save(kind) {
  const rows = data.cases.flatMap(one => data.fields.filter(f => (answers[one.code] || {})[f.id])
    .map(f => ({ case: one.code, region: f.region, side: f.side, grade: answers[one.code][f.id] })));
  const head = { form: data.form, reader: data.reader, scale: data.scale };
  const columns = ["form", "reader", "scale", "case", "region", "side", "grade"];
  const text = kind === "json" ? JSON.stringify({ schema: 1, ...head, answers: rows }, null, 1) + "\n"
    : [columns, ...rows.map(r => columns.map(c => r[c] ?? head[c]))].map(r => r.join(",")).join("\n") + "\n";
  const link = make("a", "", { download: "answers_" + data.reader + "." + kind });
  link.href = URL.createObjectURL(new Blob([text], { type: kind === "json" ? "application/json" : "text/csv" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  unsaved = false;
  mark();
  el("state").textContent = "Saved " + rows.length + " grades as " + link.download + ".";
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const does = {
    arrowleft: () => turn(-1), arrowright: () => turn(1), pagedown: () => go(at + 1), pageup: () => go(at - 1),
    arrowdown: () => { field = Math.min(data.fields.length - 1, field + 1); mark(); },
    arrowup: () => { field = Math.max(0, field - 1); mark(); },
    "+": () => lighten(1), "-": () => lighten(-1), "=": () => lighten(0),
  }[key];
  const onButton = event.target.closest && event.target.closest("button, summary");
  if (byKey.has(key)) grade(byKey.get(key));
  else if (does) does();
  else if (key === "enter" && !onButton && given(data.cases[at].code) === data.fields.length) go(at + 1);
  else return;
  event.preventDefault();
}

restore();
build();
el("earlier").onclick = () => turn(-1);
el("later").onclick = () => turn(1);
el("previous").onclick = () => go(at - 1);
el("next").onclick = () => go(at + 1);
el("darker").onclick = () => lighten(-1);
el("brighter").onclick = () => lighten(1);
el("save-json").onclick = () => save("json");
el("save-csv").onclick = () => save("csv");
document.addEventListener("keydown", press);
window.addEventListener("beforeunload", event => { if (unsaved && !kept) event.preventDefault(); });
go(Math.max(0, data.cases.findIndex(one => given(one.code) < data.fields.length)));
el("form").hidden = false;
