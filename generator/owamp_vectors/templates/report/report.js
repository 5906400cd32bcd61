// Filters of lists, kept in the URL's hash; octets of a chart's message on hover, focus and tap.
// Without this script every list is whole, and a message links to its octets further down.
"use strict";

function startFilters(form) {
  const list = document.getElementById(form.dataset.filters);
  const rows = [...(list.tBodies ? list.tBodies[0].rows : list.children)].map((row) => ({
    row,
    text: row.textContent.toLowerCase(),
  }));
  const controls = [...form.elements].filter((control) => control.name);
  const output = form.querySelector("output");

  function matches({ row, text }, control) {
    const wanted = control.value.trim();
    if (wanted === "") return true;
    if (control.name === "q") {
      return wanted.toLowerCase().split(/\s+/).every((word) => text.includes(word));
    }
    return (row.dataset[control.name] || "").split("|").includes(wanted);
  }

  function apply() {
    let shown = 0;
    for (const entry of rows) {
      const fits = controls.every((control) => matches(entry, control));
      entry.row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    output.textContent = shown === rows.length ? `All ${shown} shown` : `${shown} of ${rows.length} shown`;
  }

  function keep() {
    const state = new URLSearchParams();
    for (const { name, value } of controls) if (value.trim() !== "") state.set(name, value.trim());
    const hash = state.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    apply();
  }

  function restore() {
    const hash = location.hash.slice(1);
    const isState = hash === "" || hash.includes("=");
    const state = new URLSearchParams(isState ? hash : "");
    for (const control of controls) {
      control.value = state.get(control.name) || "";
      if (control.selectedIndex === -1) control.value = "";
    }
    apply();
    if (isState && hash) form.scrollIntoView();
    else if (hash) document.getElementById(decodeURIComponent(hash))?.scrollIntoView();
  }

  form.hidden = false;
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const control of controls) control.value = "";
    keep();
  });
  addEventListener("hashchange", restore);
  restore();
}

function startPeek(chart) {
  const panel = document.createElement("div");
  panel.className = "peek";
  panel.hidden = true;
  panel.setAttribute("role", "status");
  panel.setAttribute("aria-label", "Octets of the message");
  const content = document.createElement("div");
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close");
  panel.append(close, content);
  document.body.append(panel);
  let timer = 0;

  function show(link) {
    clearTimeout(timer);
    const item = document.querySelector(link.getAttribute("href"));
    content.replaceChildren(...[...item.children].map((child) => child.cloneNode(true)));
    panel.hidden = false;
  }
  function hide() {
    clearTimeout(timer);
    panel.hidden = true;
  }
  function hideSoon() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const isUsed = panel.matches(":hover") || panel.contains(document.activeElement) || chart.contains(document.activeElement);
      if (!isUsed) hide();
    }, 400);
  }

  for (const link of chart.querySelectorAll("a")) {
    link.addEventListener("mouseenter", () => show(link));
    link.addEventListener("mouseleave", hideSoon);
    link.addEventListener("focus", () => show(link));
    link.addEventListener("blur", hideSoon);
    link.addEventListener("click", (event) => {
      if (event.pointerType === "touch") event.preventDefault();
      else hide();
    });
  }
  panel.addEventListener("mouseleave", hideSoon);
  close.addEventListener("click", hide);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}

// What is folded is printed all the same, but for proofs and the like, and folded again.
function startPrint() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open], .appendix)")];
    for (const item of opened) item.open = true;
  });
  addEventListener("afterprint", () => {
    for (const item of opened) item.open = false;
  });
}

// A vector file is a script, since a page from disk can load nothing else; it calls this with its text.
let takeVectors = () => {};
function showVectors(text) {
  takeVectors(text);
}

// A button for the JSON of a case, to show and copy, or of a file, to save. The file is loaded on demand.
function startJson(place) {
  const isCase = place.id !== "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = isCase ? "Copy JSON" : "Save JSON";
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  (place.querySelector(".moves") || place).append(button, said);

  function copy(text) {
    const tests = JSON.parse(text).testGroups.flatMap((group) => group.tests);
    const found = tests.find((test) => `tc-${test.tcId}` === place.id);
    const shown = place.querySelector("pre.case-json") || document.createElement("pre");
    shown.className = "json case-json";
    shown.textContent = JSON.stringify(found, null, 2);
    place.append(shown);
    const done = () => (said.textContent = "Copied; it is also at the end of the case.");
    const failed = () => (said.textContent = "It is at the end of the case.");
    if (navigator.clipboard) navigator.clipboard.writeText(shown.textContent).then(done, failed);
    else failed();
  }
  function save(text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = place.dataset.json.replace(/js$/, "json");
    link.click();
    URL.revokeObjectURL(link.href);
    said.textContent = "Saved.";
  }
  button.addEventListener("click", () => {
    const script = document.createElement("script");
    takeVectors = isCase ? copy : save;
    script.src = place.dataset.json;
    script.addEventListener("load", () => script.remove());
    document.head.append(script);
  });
}

document.querySelectorAll("[data-json]").forEach(startJson);
document.querySelectorAll("form[data-filters]").forEach(startFilters);
document.querySelectorAll("svg.chart").forEach(startPeek);
startPrint();
