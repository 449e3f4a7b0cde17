// What a story imports. One file per tool; each says what it owns.

export { axe } from './axe.mjs'
export { answerer, call, chooseByKey, decode, strength } from './carrier.mjs'
export { assertNoForeignRequests, assertQuietConsole, launch, newPage, screenshot } from './browser.mjs'
export { startCutter } from './cutter.mjs'
export { people } from './people.mjs'
export { startServer } from './server.mjs'
export { totp } from './totp.mjs'
export { plainVoice, speaking } from './voice.mjs'
export { eventually, freePort } from './wait.mjs'
