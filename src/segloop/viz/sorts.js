const UNITS = { ms: 1e-3, s: 1, min: 60, h: 3600, B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
const bare = (text) => text.replace(/(?<=\d),(?=\d{3})/g, "");
const number = (text) => {
  const parts = [...bare(text).matchAll(/(-?\d*\.?\d+)(?: (ms|s|min|h|B|kB|MB|GB)\b)?/g)];
  if (!parts.length) return null;
  if (!parts[0][2]) return parseFloat(parts[0][1]);
  return parts.reduce((sum, [, value, unit]) => sum + value * (UNITS[unit] ?? 0), 0);
};
const compare = (one, other, counts) => {
  if (!counts) return bare(one).localeCompare(bare(other), undefined, { numeric: true });
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
