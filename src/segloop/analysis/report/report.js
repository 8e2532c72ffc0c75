const filter = document.querySelector("p.filter");
if (filter) {
  const [choice, told] = [filter.querySelector("select"), filter.querySelector("[role=status]")];
  filter.hidden = false;
  choice.onchange = () => {
    let away = 0;
    for (const each of document.querySelectorAll("[data-classes]")) {
      const hide = choice.value !== "" && !JSON.parse(each.dataset.classes).includes(choice.value);
      each.toggleAttribute("data-away", hide);
      away += hide;
    }
    told.textContent = away ? `${away} rows and pictures of other classes are hidden` : "";
  };
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const each of opened) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of opened) each.open = false;
});
