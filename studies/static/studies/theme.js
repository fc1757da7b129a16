// Applies the chosen theme before the first paint; loaded as a plain script in the head.
// The key and its JSON are those of the admin, so that both change together.
(() => {
  const KEY = "adminTheme";
  const NEXT = { auto: "light", light: "dark", dark: "auto" };
  const LABEL = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };

  function stored() {
    try {
      const theme = JSON.parse(localStorage.getItem(KEY) ?? '"auto"');
      return theme in NEXT ? theme : "auto";
    } catch {
      return "auto"; // storage is off, or holds something else
    }
  }

  function apply(theme) {
    document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.setAttribute("aria-label", LABEL[theme]);
      button.title = LABEL[theme];
    }
    document.dispatchEvent(new Event("theme-changed"));
  }

  apply(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(stored()));
  document.addEventListener("DOMContentLoaded", () => {
    apply(stored());
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.addEventListener("click", () => {
        const theme = NEXT[stored()];
        try {
          localStorage.setItem(KEY, JSON.stringify(theme));
        } catch {
          // Without storage the choice lasts for this page only.
        }
        apply(theme);
      });
    }
  });
})();
