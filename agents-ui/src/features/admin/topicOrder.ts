/** Moving a thing among its siblings: which places change. */

interface Placed {
  id: string
  position: number
}

/** The siblings whose place changes when `id` moves by one; places are counted anew from 0. */
export function moved(siblings: readonly Placed[], id: string, by: -1 | 1): Placed[] {
  const at = siblings.findIndex((s) => s.id === id)
  const other = at + by
  if (at < 0 || other < 0 || other >= siblings.length) return []
  const order = [...siblings]
  const [taken] = order.splice(at, 1)
  if (taken) order.splice(other, 0, taken)
  return order.map((s, position) => ({ id: s.id, position, before: s.position }))
    .filter((s) => s.before !== s.position)
    .map(({ id: moving, position }) => ({ id: moving, position }))
}
