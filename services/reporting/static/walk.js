// The tiles of the map by arrow keys: one stop for Tab, and from there to the nearest tile in the direction asked for.
(() => {
  "use strict";

  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function tiles() {
    return [...document.querySelectorAll("[data-walk] a")];
  }

  function stopAt(one) {
    for (const tile of tiles()) tile.tabIndex = tile === one ? 0 : -1;
  }

  function nearest(from, [right, down]) {
    const at = (tile) => [Number(tile.dataset.x), Number(tile.dataset.y)];
    const [x, y] = at(from);
    let found = null;
    let least = Infinity;
    for (const tile of tiles()) {
      const [dx, dy] = [at(tile)[0] - x, at(tile)[1] - y];
      const ahead = dx * right + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * right);
      if (ahead > 0 && ahead + 2 * aside < least) [found, least] = [tile, ahead + 2 * aside];
    }
    return found;
  }

  document.addEventListener("keydown", (event) => {
    const from = event.target.closest?.("[data-walk] a");
    if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
    const ends = { Home: tiles()[0], End: tiles().at(-1) };
    const to = ends[event.key] ?? (STEPS[event.key] ? nearest(from, STEPS[event.key]) : undefined);
    if (to === undefined) return;
    event.preventDefault(); // at the edge of the map the page does not scroll away either
    to?.focus();
  });

  document.addEventListener("focusin", (event) => {
    const tile = event.target.closest?.("[data-walk] a");
    if (tile) stopAt(tile);
  });

  if (tiles().length) stopAt(tiles()[0]);
})();
