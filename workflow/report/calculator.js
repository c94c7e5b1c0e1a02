// SPDX-License-Identifier: Apache-2.0
// Recomputes the paper's bill from the fields of the page, with the formulas of
// r1repro.audit.economics.case. Without it the page shows the paper's own case.
(function () {
  "use strict";
  var box = document.getElementById("calculator");
  if (!box) {
    return;
  }
  var controls = document.getElementById("calc-controls");
  var preset = document.getElementById("calc-preset");
  var fault = document.getElementById("calc-fault");
  var words = document.getElementById("calc-inputs");
  var fields = Array.from(controls.querySelectorAll("input"));
  var base = Number(box.dataset.base);
  var printed = Number(box.dataset.printed);

  // null where a field does not hold a number from its least on
  function read() {
    var values = {};
    var wrong = fields.filter(function (field) {
      var value = field.value.trim() === "" ? NaN : Number(field.value);
      var right = isFinite(value) && value >= Number(field.min);
      field.setAttribute("aria-invalid", right ? "false" : "true");
      values[field.id.slice("calc-".length)] = value;
      return !right;
    });
    fault.textContent = wrong.length
      ? "Not a number from " + wrong[0].min + " on: " + wrong[0].labels[0].textContent
      : "";
    return wrong.length ? null : values;
  }

  function totals(v) {
    var own = v.gpus * (v.zero + v.r1) + v.sft;
    var grown = (own * (100 + v.failed)) / 100 * v.preparatory;
    var hours = (grown * 100) / v.utilisation + (base * v.base) / 100;
    var energy = (hours * v.kw * v.pue) / 1000;
    return {
      own: own,
      hours: hours,
      usd: hours * v.price,
      ratio: (hours * v.price) / printed,
      energy: energy,
      carbon: energy * v.grid
    };
  }

  function shown(value, digits) {
    return value.toLocaleString("en-US", {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits
    });
  }

  function apply() {
    var values = read();
    var found = values && totals(values);
    box.querySelectorAll("dd[id]").forEach(function (cell) {
      var value = found && found[cell.id.slice("calc-out-".length)];
      cell.textContent = found ? shown(value, Number(cell.dataset.digits)) : "\u2013";
    });
    // what is printed below the heading, where the fields are not
    words.textContent = "Inputs: " + fields.map(function (field) {
      return field.labels[0].textContent + " " + field.value;
    }).join("; ") + ".";
  }

  function fill(option) {
    var values = JSON.parse(option.dataset.values);
    fields.forEach(function (field) {
      field.value = values[field.id.slice("calc-".length)];
    });
    apply();
  }

  fields.forEach(function (field) {
    field.addEventListener("input", function () {
      preset.value = "";
      apply();
    });
  });
  preset.addEventListener("change", function () {
    if (preset.value !== "") {
      fill(preset.selectedOptions[0]);
    }
  });
  document.getElementById("calc-reset").addEventListener("click", function () {
    preset.selectedIndex = 1;
    fill(preset.options[1]);
  });
  window.addEventListener("pageshow", apply); // a reload may bring back what was typed
  controls.hidden = false;
  words.classList.add("print-only");
  apply();
})();
