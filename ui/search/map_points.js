// The arithmetic of the map, without a page: points are parallel arrays `x` and `y`, a point is its place in them.

// The same order for every visitor, so that the same pictures are shown first.
export function shuffled(count) {
  const order = Array.from({ length: count }, (_, n) => n);
  let seed = 1;
  for (let n = count - 1; n > 0; n--) {
    seed = (seed * 48271) % 2147483647;
    const other = seed % (n + 1);
    [order[n], order[other]] = [order[other], order[n]];
  }
  return order;
}

// The one of `places` with the smallest sum of distances to the others; none of none.
export function medoid({ x, y }, places) {
  const far = (n) => places.reduce((sum, m) => sum + Math.hypot(x[n] - x[m], y[n] - y[m]), 0);
  return [...places].sort((a, b) => far(a) - far(b))[0];
}

// As many points of `order`, first come first served, as have `room` around each; those in `before` stay.
export function thinned({ x, y }, room, before, order) {
  const taken = new Map();
  const cell = (n) => [Math.floor(x[n] / room), Math.floor(y[n] / room)];
  const free = (n) => {
    const [cx, cy] = cell(n);
    for (let dx = -1; dx <= 1; dx++)
      for (let dy = -1; dy <= 1; dy++)
        for (const m of taken.get(`${cx + dx},${cy + dy}`) ?? [])
          if (Math.max(Math.abs(x[m] - x[n]), Math.abs(y[m] - y[n])) < room) return false;
    return true;
  };
  const found = [];
  for (const n of [...before, ...order]) {
    if (!free(n)) continue;
    const place = cell(n).join();
    if (!taken.has(place)) taken.set(place, []);
    taken.get(place).push(n);
    found.push(n);
  }
  return found;
}

// The point nearest to (atX, atY) that is no further than `reach` and passes; -1 where there is none.
export function nearest({ x, y }, atX, atY, reach = Number.POSITIVE_INFINITY, passes = () => true) {
  let [best, least] = [-1, reach];
  for (let n = 0; n < x.length; n++) {
    const far = Math.hypot(x[n] - atX, y[n] - atY);
    if (far < least && passes(n)) [best, least] = [n, far];
  }
  return best;
}

// The nearest point within 45 degrees of the arrow (dx, dy) from point `from`; -1 where there is none.
export function neighbour({ x, y }, from, [dx, dy], passes = () => true) {
  let [best, least] = [-1, Number.POSITIVE_INFINITY];
  for (let n = 0; n < x.length; n++) {
    const [across, down] = [x[n] - x[from], y[n] - y[from]];
    const along = across * dx + down * dy;
    const aside = Math.abs(across * dy) + Math.abs(down * dx);
    if (along > 0 && aside <= along && along + aside < least && passes(n)) [best, least] = [n, along + aside];
  }
  return best;
}
