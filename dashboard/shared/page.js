// What Streamlit and Plotly do not do by themselves, once per window.
(() => {
  if (window.segueIsReady) return;
  window.segueIsReady = true;

  // Streamlit forgets a choice if the page is left while it is being drawn with that choice.
  const whenDrawn = (open) => {
    const app = document.querySelector("[data-test-script-state]");
    const isDrawn = () => app?.dataset.testScriptState !== "running";
    if (isDrawn()) return open();
    const observer = new MutationObserver(() => isDrawn() && (observer.disconnect(), open()));
    observer.observe(app, { attributeFilter: ["data-test-script-state"] });
  };

  // A customer's page opens in the same session: quicker than a new one, and all choices are kept. Streamlit follows the
  // address when the reader goes back, so this looks like going back. An address with a customer already is opened anew:
  // Streamlit would not notice that only the customer differs.
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.sg-id[href^='customer?']");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (new URLSearchParams(location.search).has("customer")) return;
    event.preventDefault();
    whenDrawn(() => {
      history.pushState({}, "", link.href);
      dispatchEvent(new PopStateEvent("popstate"));
    });
  }, true);

  // On a phone the menu is over the page; a choice closes it.
  document.addEventListener("click", (event) => {
    if (innerWidth > 768 || !event.target.closest?.("[data-testid=stSidebarNavLink]")) return;
    setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click());
  });

  // A finger on a figure scrolls the page, and its first tap counts: Plotly would hold it for the beginning of a drag.
  document.addEventListener("touchstart", (event) => {
    if (event.touches.length === 1 && event.target.closest?.(".js-plotly-plot .main-svg")) event.stopPropagation();
  }, { capture: true, passive: true });
})();
