// Lays rectangles into a rectangle, as square as they can be (Bruls, Huizing, van Wijk 2000).

/** `items`: `{value}`, the largest first; gives them back with `x, y, w, h`. */
export function squarify(items, box) {
  const total = items.reduce((sum, item) => sum + item.value, 0);
  if (!total || box.w <= 0 || box.h <= 0) return [];
  const scale = (box.w * box.h) / total;
  const placed = [];
  let free = { ...box };
  let row = [];
  for (const item of items) {
    const area = item.value * scale;
    const side = Math.min(free.w, free.h);
    if (row.length && worst([...row, area].map(areaOf), side) > worst(row.map(areaOf), side)) {
      free = settle(row, free, placed);
      row = [];
    }
    row.push({ item, area });
  }
  if (row.length) settle(row, free, placed);
  return placed;
}

const areaOf = (one) => one.area ?? one;

function worst(areas, side) {
  const sum = areas.reduce((a, b) => a + b, 0);
  const [most, least] = [Math.max(...areas), Math.min(...areas)];
  return Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * least || 1));
}

/** Puts a row along the shorter side; gives what is left. */
function settle(row, free, placed) {
  const sum = row.reduce((total, one) => total + one.area, 0);
  const upright = free.w >= free.h;
  const thick = sum / (upright ? free.h : free.w);
  let along = 0;
  for (const { item, area } of row) {
    const long = area / thick;
    const spot = upright ? { x: free.x, y: free.y + along, w: thick, h: long } : { x: free.x + along, y: free.y, w: long, h: thick };
    placed.push({ ...item, ...spot });
    along += long;
  }
  return upright ? { x: free.x + thick, y: free.y, w: free.w - thick, h: free.h } : { x: free.x, y: free.y + thick, w: free.w, h: free.h - thick };
}
