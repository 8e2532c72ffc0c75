const box = document.querySelector("p.filter");
if (box) {
  const [state, words, told] = [box.querySelector("select"), box.querySelector("input"), box.querySelector("[role=status]")];
  const rows = [...document.querySelectorAll("#images tbody tr")];
  const figures = [...document.querySelectorAll("#pictures figure")];
  box.hidden = false;
  const choose = () => {
    const wanted = words.value.trim().toLowerCase();
    for (const row of rows) {
      const here = state.value === "" || row.cells[1].textContent === state.value;
      row.hidden = !(here && row.textContent.toLowerCase().includes(wanted));
    }
    for (const figure of figures) {
      const here = state.value === "" || state.value === "changed"; // only what changed is drawn
      figure.hidden = !(here && figure.textContent.toLowerCase().includes(wanted));
    }
    const shown = (all) => `${all.filter((each) => !each.hidden).length} of ${all.length}`;
    const some = rows.concat(figures).some((each) => each.hidden);
    told.textContent = some ? `${shown(rows)} images, ${shown(figures)} pictures` : "";
    if (some) document.querySelector("#images details").open = true;
  };
  state.onchange = words.oninput = choose;
}
