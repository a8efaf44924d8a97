"use strict";
(function () {
  // Charts: drawn when they come near the window, coloured for light or dark.
  var figures = JSON.parse(document.getElementById("figures").textContent);
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var config = { displayModeBar: false, responsive: true };

  function themed(layout, node, printing) {
    var night = dark.matches && !printing;
    var text = night ? "#e4e9f0" : "#1c2430", grid = night ? "#333d4a" : "#dfe4ea";
    var out = JSON.parse(JSON.stringify(layout));
    out.paper_bgcolor = "rgba(0,0,0,0)";
    out.plot_bgcolor = "rgba(0,0,0,0)";
    out.font = { color: text, size: node.clientWidth < 500 ? 11 : 13, family: "system-ui, sans-serif" };
    out.hoverlabel = { bgcolor: night ? "#1a2029" : "#ffffff", font: { color: text } };
    Object.keys(out).filter(function (name) { return /^[xy]axis/.test(name); }).forEach(function (name) {
      out[name] = Object.assign({ gridcolor: grid, zerolinecolor: grid, linecolor: grid }, out[name]);
    });
    if (node.clientWidth < 500) { out.margin.l = 44; out.margin.r = 8; }
    return out;
  }

  // The height that the figure asks for, and the rows of its legend.
  function height(spec, node) {
    var shown = spec.layout.showlegend ? spec.data.length : 0;
    var widest = Math.max.apply(null, spec.data.map(function (one) { return one.name.length; }));
    var column = 60 + 7 * widest;
    var columns = Math.max(1, Math.floor((node.clientWidth - 60) / column));
    return spec.height + 19 * Math.ceil(shown / columns);
  }

  function draw(node, printing) {
    var spec = figures[node.dataset.figure];
    node.dataset.drawn = "yes";
    node.style.height = height(spec, node) + "px";
    return Plotly.react(node, spec.data, themed(spec.layout, node, printing), config);
  }

  var charts = Array.prototype.slice.call(document.querySelectorAll(".chart"));
  if ("IntersectionObserver" in window) {
    var near = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (entry.isIntersecting) { near.unobserve(entry.target); draw(entry.target, false); }
      });
    }, { rootMargin: "600px" });
    charts.forEach(function (node) { near.observe(node); });
  } else {
    charts.forEach(function (node) { draw(node, false); });
  }
  function redraw(printing) {
    charts.forEach(function (node) { if (printing || node.dataset.drawn) { draw(node, printing); } });
  }
  dark.addEventListener("change", function () { redraw(false); });
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (node) { node.open = true; });
    redraw(true);
  });
  window.addEventListener("afterprint", function () { redraw(false); });

  // Tables: a click on a heading sorts by exact values; a second click turns the order around.
  function key(cell) {
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  }
  function compare(a, b) {
    var numbers = typeof a === "number" && typeof b === "number";
    if (numbers) { return a - b; }
    if (typeof a === "number") { return -1; }
    if (typeof b === "number") { return 1; }
    return a.localeCompare(b, "en", { numeric: true });
  }
  document.querySelectorAll("table").forEach(function (table) {
    var heads = Array.prototype.slice.call(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      head.firstElementChild.addEventListener("click", function () {
        var down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (other) { other.setAttribute("aria-sort", "none"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        var body = table.tBodies[0];
        var rows = Array.prototype.slice.call(body.rows).map(function (row, place) {
          return { row: row, key: key(row.cells[column]), place: place };
        });
        rows.sort(function (a, b) {
          var order = compare(a.key, b.key);
          return (down ? -order : order) || a.place - b.place;
        });
        rows.forEach(function (item) { body.appendChild(item.row); });
      });
    });
  });
})();
