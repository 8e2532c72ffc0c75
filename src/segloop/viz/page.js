for (const box of document.querySelectorAll(".code")) {
  const button = document.createElement("button");
  button.textContent = "copy";
  button.onclick = () => navigator.clipboard.writeText(box.querySelector("pre").textContent).then(() => {
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  if (navigator.clipboard) box.append(button);
}
for (const figure of document.querySelectorAll("figure.zooms")) {
  const zoom = () => figure.setAttribute("aria-expanded", figure.classList.toggle("large"));
  figure.onclick = zoom;
  figure.tabIndex = 0;
  figure.setAttribute("role", "button");
  figure.setAttribute("aria-expanded", "false");
  figure.onkeydown = (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    zoom();
  };
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("figure.large")?.click();
});
