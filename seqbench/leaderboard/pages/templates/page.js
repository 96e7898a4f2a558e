"use strict";
/* Sorting, filtering and marks at the edges of tables. Without JavaScript, the page shows the rows in the order of the board. */
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  /* The value by which a row is sorted in a column; null for an empty cell, which comes last. */
  const value = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (numeric) return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
    return (cell.querySelector("bdi") ?? cell).textContent.trim() || null; /* The name without the remarks below it. */
  };

  const sort = (table, head) => {
    const column = head.cellIndex;
    const numeric = "number" in head.dataset;
    const next = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    const sign = next === "ascending" ? 1 : -1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", next);
    const body = table.querySelector("tbody.rows");
    const rows = Array.from(body.rows, (row) => [row, value(row, column, numeric)]);
    rows.sort(([, a], [, b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (numeric ? a - b : collator.compare(a, b));
    });
    body.append(...rows.map(([row]) => row));
    /* The first rows of the new order are shown, as many as before. */
    const beyond = body.querySelectorAll(".beyond").length;
    Array.from(body.rows).forEach((row, place, all) => row.classList.toggle("beyond", place >= all.length - beyond));
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const head of table.tHead.rows[0].cells) {
      if (!head.textContent.trim()) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, head));
      head.append(button);
    }
  }

  /* Marks each table that goes on behind the right edge of its frame. */
  const frames = Array.from(document.querySelectorAll(".scroll"));
  const markEdges = () => {
    const hidden = frames.map((frame) => frame.scrollWidth - frame.clientWidth - frame.scrollLeft > 2);
    frames.forEach((frame, place) => frame.toggleAttribute("data-more", hidden[place]));
  };
  for (const frame of frames) frame.addEventListener("scroll", markEdges, { passive: true });
  addEventListener("resize", markEdges);
  document.addEventListener("toggle", markEdges, true);
  document.addEventListener("change", markEdges);

  const box = document.getElementById("filter");
  const rows = Array.from(document.querySelectorAll("tr[data-key]"));
  const marks = Array.from(document.querySelectorAll("g[data-key]"));
  /* Label and distribution by label, from all tables: a mark in a chart has only its label. */
  const searchTexts = new Map();
  for (const { dataset } of rows) {
    searchTexts.set(dataset.key, `${searchTexts.get(dataset.key) ?? dataset.key.toLowerCase()}\n${(dataset.from ?? "").toLowerCase()}`);
  }
  const filter = () => {
    const query = box.value.trim().toLowerCase();
    let shown = 0;
    const matches = (item) => (searchTexts.get(item.dataset.key) ?? "").includes(query);
    for (const row of rows) {
      row.hidden = !matches(row);
      shown += !row.hidden;
    }
    for (const mark of marks) mark.classList.toggle("dim", !matches(mark));
    document.body.classList.toggle("searching", query !== "");
    document.getElementById("shown").textContent = query ? `${shown} of ${rows.length} rows` : "";
    markEdges();
  };
  box.addEventListener("input", filter);
  document.querySelector(".filter").hidden = false;
  if (matchMedia("(max-width: 40rem)").matches) document.getElementById("costs").checked = false;
  filter();
})();
