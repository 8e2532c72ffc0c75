const number = (text) => {
  const found = text.replace(/,/g, "").match(/-?\d+(\.\d+)?/);
  return found ? parseFloat(found[0]) : null;
};
const compare = (one, other, counts) => {
  if (!counts) return one.localeCompare(other, undefined, { numeric: true });
  const [a, b] = [number(one), number(other)];
  if (a === null || b === null) return (a === null) - (b === null);
  return a - b;
};
for (const table of document.querySelectorAll("table.sorts")) {
  const body = table.tBodies[0];
  if (body.rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((head, place) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const counts = head.classList.contains("number");
      const text = (row) => row.cells[place].textContent.trim();
      const empty = (row) => ["", "–"].includes(text(row));
      const rows = [...body.rows].sort((one, other) =>
        empty(one) - empty(other) || (up ? 1 : -1) * compare(text(one), text(other), counts));
      body.append(...rows);
    };
  });
}
