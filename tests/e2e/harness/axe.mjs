// Accessibility, as far as a machine can judge it: WCAG 2.2 A and AA by axe-core.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/**
 * Fails with the rules, the places and the help texts when the page as it stands breaks one, in the light or in
 * the dark scheme. `within` and `without` are selectors that narrow the part that is judged.
 */
export async function axe(page, { within, without = [], schemes = ['light', 'dark'] } = {}) {
  const found = []
  for (const colorScheme of schemes) {
    // Colours in the middle of a transition are nobody's choice.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    // Evaluated by the browser itself, so the page's content security policy stays as it is.
    await page.evaluate(SOURCE)
    const violations = await page.evaluate(judge, { within, without, tags: TAGS })
    for (const rule of violations) found.push({ colorScheme, ...rule })
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  if (found.length > 0) {
    const lines = found.map(
      (rule) => `${rule.id} (${rule.impact}, ${rule.colorScheme}): ${rule.help}\n    ${rule.places.join('\n    ')}`,
    )
    throw new Error(`${page.url()} breaks ${found.length} accessibility rules:\n  ${lines.join('\n  ')}`)
  }
}

/** Runs in the page. */
async function judge({ within, without, tags }) {
  const include = within ? [[within]] : [['html']]
  const context = { include, exclude: without.map((selector) => [selector]) }
  const { violations, passes } = await globalThis.axe.run(context, {
    runOnly: { type: 'tag', values: tags },
    resultTypes: ['violations'],
  })
  if (violations.length + passes.length === 0) throw new Error('axe judged nothing')
  return violations.map(({ id, impact, help, nodes }) => ({
    id,
    impact,
    help,
    places: nodes.slice(0, 5).map((node) => `${node.target.join(' ')}: ${node.failureSummary?.split('\n').at(-1)?.trim()}`),
  }))
}
