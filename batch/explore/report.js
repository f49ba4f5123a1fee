"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = read("figures");
  const themes = read("themes");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 620px)");
  const touch = window.matchMedia("(pointer: coarse)").matches;
  // On touch screens a drag scrolls the page, so figures have no drag mode and no tool bar.
  const config = { responsive: true, displaylogo: false, displayModeBar: touch ? false : "hover" };

  // On narrow screens, heat maps have no numbers and the 3D camera is farther away.
  const fitted = ({ data, layout }) => {
    if (!narrow.matches) return { data, layout };
    const scaled = ({ x, y, z }) => ({ x: 1.6 * x, y: 1.6 * y, z: 1.6 * z });
    const scene = layout.scene && { ...layout.scene, camera: { ...layout.scene.camera, eye: scaled(layout.scene.camera.eye) } };
    return {
      data: data.map((trace) => (trace.type === "heatmap" ? { ...trace, texttemplate: "" } : trace)),
      layout: scene ? { ...layout, scene } : layout,
    };
  };

  const draw = async () => {
    const theme = dark.matches ? "dark" : "light";
    // Plotly modifies its arguments, so it gets a copy.
    for (const [id, figure] of Object.entries(figures)) {
      const { data, layout } = fitted(structuredClone(figure));
      const look = { ...layout, template: structuredClone(themes[theme]) };
      await Plotly.react(id, data, touch ? { ...look, dragmode: false } : look, config);
    }
    document.body.setAttribute("data-drawn", theme);
  };
  dark.addEventListener("change", draw);
  narrow.addEventListener("change", draw);
  draw();
})();
