// The arithmetic of the comparison's chart, without a page: what lies where, which engines are on the front.

// A number with as many digits as it is worth.
export const tidy = (number) => (number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toPrecision(2));

// Round values between `low` and `high` on a logarithmic axis: 1, 2 and 5 of every decade.
export function ticks(low, high) {
  const found = [];
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10)
    for (const step of [1, 2, 5]) if (decade * step >= low && decade * step <= high) found.push(decade * step);
  return found;
}

// The ends of the axis of quality, in tenths, that hold all the `ends` of intervals.
export function qualityRange(ends) {
  const low = Math.max(0, Math.floor((Math.min(...ends) - 0.02) * 10) / 10);
  const high = Math.max(low + 0.1, Math.min(1, Math.ceil((Math.max(...ends) + 0.02) * 10) / 10));
  return [low, high];
}

// The rows than which no other is both at least as good and at least as fast, and one of the two better (Pareto).
// `sign` is 1 where a larger `speed` is faster, -1 where a smaller one is.
export function frontOf(rows, quality, speed, sign) {
  const beats = (one, other) => {
    const better = one[quality] - other[quality];
    const faster = (one[speed] - other[speed]) * sign;
    return better >= 0 && faster >= 0 && (better > 0 || faster > 0);
  };
  return rows.filter((row) => !rows.some((other) => beats(other, row)));
}

// The height of each of `wanted`, pushed down until no two are nearer than `line`; in the order given.
export function apart(wanted, line) {
  const order = wanted.map((_, n) => n).sort((a, b) => wanted[a] - wanted[b]);
  const places = [];
  let free = 0;
  for (const n of order) {
    places[n] = Math.max(free, wanted[n]);
    free = places[n] + line;
  }
  return places;
}
