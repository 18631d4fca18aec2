// A table or an equation that is wholly in sight has nothing to scroll: the Tab key passes it by.
const scrolling = new ResizeObserver((changes) => {
  for (const { target } of changes) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
});
document.querySelectorAll(".scrolls, .partreg-scroll").forEach((region) => scrolling.observe(region));
