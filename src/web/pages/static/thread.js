// The private page of a message that was left. The token stands behind the `#`, which no browser sends anywhere.

import { $, lang, show, t } from './base.js'
import { Room } from './room.js'

const token = location.hash.slice(1)

if (/^[\w-]{43}$/.test(token)) {
  new Room({ token }, `thread.${token.slice(0, 8)}`, () => location.assign(`/chat?lang=${lang}`))
} else {
  $('refused').textContent = t('error_expired_link')
  show($('refused'), true)
}
window.addEventListener('hashchange', () => location.reload())
// Another language keeps the token.
for (const link of document.querySelectorAll('.languages a')) {
  link.addEventListener('click', () => {
    link.hash = location.hash
  })
}
