"use strict";
/* Sorting and filtering. Without it the page shows everything, in the order of the board. */
(() => {
  const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  /* What a row is sorted by in a column; null, which comes last, where it says nothing there. */
  const value = (row, column, numeric) => {
    const cell = row.cells[column];
    if (!cell) return null;
    if (numeric) return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
    return (cell.querySelector("bdi") ?? cell).textContent.trim() || null; /* A name without the notes beneath it. */
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
      return sign * (numeric ? a - b : words.compare(a, b));
    });
    body.append(...rows.map(([row]) => row));
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

  const box = document.getElementById("filter");
  const rows = Array.from(document.querySelectorAll("tr[data-key]"));
  const drawn = Array.from(document.querySelectorAll("g[data-key]"));
  /* What is known of each name in any table, since a chart's mark knows its name alone. */
  const said = new Map();
  for (const { dataset } of rows) {
    said.set(dataset.key, `${said.get(dataset.key) ?? dataset.key.toLowerCase()}\n${(dataset.from ?? "").toLowerCase()}`);
  }
  const filter = () => {
    const wanted = box.value.trim().toLowerCase();
    let shown = 0;
    const matches = (item) => (said.get(item.dataset.key) ?? "").includes(wanted);
    for (const row of rows) {
      row.hidden = !matches(row);
      shown += !row.hidden;
    }
    for (const mark of drawn) mark.classList.toggle("dim", !matches(mark));
    document.getElementById("shown").textContent = `${shown} of ${rows.length} rows`;
  };
  box.addEventListener("input", filter);
  document.querySelector(".filter").hidden = false;
  filter();
})();
