// A person with a headset: a browser whose microphone hears a tone, so that a story can say whose voice is heard where.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { launch } from './browser.mjs'

/** Ten seconds of a tone, 48 kHz, 16 bits, mono. */
function wav(hz) {
  const [rate, seconds] = [48_000, 10]
  const data = Buffer.alloc(44 + rate * seconds * 2)
  data.write('RIFF', 0)
  data.writeUInt32LE(data.length - 8, 4)
  data.write('WAVEfmt ', 8)
  data.writeUInt32LE(16, 16)
  data.writeUInt16LE(1, 20)
  data.writeUInt16LE(1, 22)
  data.writeUInt32LE(rate, 24)
  data.writeUInt32LE(rate * 2, 28)
  data.writeUInt16LE(2, 32)
  data.writeUInt16LE(16, 34)
  data.write('data', 36)
  data.writeUInt32LE(data.length - 44, 40)
  for (let n = 0; n < rate * seconds; n += 1) {
    data.writeInt16LE(Math.round(12_000 * Math.sin((2 * Math.PI * hz * n) / rate)), 44 + n * 2)
  }
  return data
}

/** A browser whose microphone hears a tone; its file goes with it. */
export async function speaking(hz) {
  const dir = await mkdtemp(join(tmpdir(), 'madoguchi-tone-'))
  const file = join(dir, 'voice.wav')
  await writeFile(file, wav(hz))
  const browser = await launch({
    args: [
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      `--use-file-for-fake-audio-capture=${file}`,
      '--autoplay-policy=no-user-gesture-required',
    ],
  })
  browser.once('disconnected', () => void rm(dir, { recursive: true, force: true }))
  return browser
}

/** For `addInitScript`: the page's voice goes out as it is, since a tone is noise to a browser. */
export function plainVoice() {
  const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices)
  if (ask) {
    navigator.mediaDevices.getUserMedia = () =>
      ask({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } })
  }
}
