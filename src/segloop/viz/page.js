for (const box of document.querySelectorAll(".code")) {
  const button = document.createElement("button");
  button.textContent = "copy";
  button.onclick = () => navigator.clipboard.writeText(box.querySelector("pre").textContent).then(() => {
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  if (navigator.clipboard) box.append(button);
}
for (const figure of document.querySelectorAll("figure.zooms"))
  figure.onclick = () => figure.classList.toggle("large");
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("figure.large")?.classList.remove("large");
});
