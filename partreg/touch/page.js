// On a page, each thing takes the place of its still picture, which stays where anything fails.
for (const figure of document.querySelectorAll("figure.touch-figure")) {
  const el = document.createElement("div");
  try {
    const data = JSON.parse(figure.querySelector("script").textContent);
    things[figure.dataset.touch].render({ model: { get: () => data }, el });
    figure.querySelector("img").replaceWith(el);
  } catch (error) {
    console.error(error);
  }
}
