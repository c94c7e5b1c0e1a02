// SPDX-License-Identifier: Apache-2.0
// Filters the table of claims. Without it the page is whole and the table shows every row.
(function () {
  "use strict";
  var box = document.getElementById("claims-filter");
  var status = document.getElementById("claims-status");
  var rows = Array.from(document.querySelectorAll("#claims-table tbody tr"));
  var search = document.getElementById("filter-text");
  var names = ["tier", "area", "verdict"];
  var selects = names.map(function (name) {
    return document.getElementById("filter-" + name);
  });
  var texts = rows.map(function (row) {
    return row.textContent.normalize("NFKC").toLowerCase().replace(/\s+/g, " ");
  });

  function apply() {
    var words = search.value.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    rows.forEach(function (row, index) {
      var chosen = selects.every(function (select, which) {
        return select.value === "" ||
          row.dataset[names[which]].split("|").includes(select.value);
      });
      var found = words.every(function (word) {
        return texts[index].includes(word);
      });
      row.hidden = !(chosen && found);
      shown += row.hidden ? 0 : 1;
    });
    var limits = selects
      .filter(function (select) {
        return select.value !== "";
      })
      .map(function (select) {
        return select.labels[0].textContent.toLowerCase() + " " +
          select.selectedOptions[0].textContent;
      });
    if (words.length) {
      limits.push("text “" + search.value.trim() + "”");
    }
    status.textContent = shown + " of " + rows.length + " claims shown" +
      (limits.length ? ": " + limits.join(", ") : "");
  }

  function reset() {
    search.value = "";
    selects.forEach(function (select) {
      select.value = "";
    });
    apply();
  }

  // a link into a folded section opens it; one to a row that the filter hides shows it
  function reveal() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) {
      return;
    }
    if (target.hidden && rows.includes(target)) {
      reset();
    }
    var fold = target.closest("details.fold") || target.querySelector("details.fold");
    if (fold && !fold.open) {
      fold.open = true;
      target.scrollIntoView();
    }
  }

  function unfold() {
    document.querySelectorAll("details.fold").forEach(function (fold) {
      fold.open = true;
    });
  }

  search.addEventListener("input", apply);
  selects.forEach(function (select) {
    select.addEventListener("change", apply);
  });
  document.getElementById("filter-reset").addEventListener("click", function () {
    reset();
    search.focus();
  });
  document.querySelectorAll("a[data-verdict]").forEach(function (link) {
    link.addEventListener("click", function () {
      reset();
      selects[2].value = link.dataset.verdict;
      apply();
    });
  });
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", unfold);
  window.addEventListener("pageshow", apply); // a reload may bring back what was chosen
  box.hidden = false;
  apply();
  reveal();
})();
