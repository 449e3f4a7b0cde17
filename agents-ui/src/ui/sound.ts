/** The sound of an offer: two soft tones made in the browser, no file. */
let context: AudioContext | undefined

/** Browsers allow sound only after the person has touched the page; this wakes it at the first chance. */
export function wakeSound(): void {
  context ??= new AudioContext()
  if (context.state === 'suspended') void context.resume().catch(() => undefined)
}

function tone(audio: AudioContext, frequency: number, at: number, volume: number): void {
  const oscillator = audio.createOscillator()
  const gain = audio.createGain()
  oscillator.type = 'sine'
  oscillator.frequency.value = frequency
  gain.gain.setValueAtTime(0, at)
  gain.gain.linearRampToValueAtTime(volume * 0.4, at + 0.02)
  gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.45)
  oscillator.connect(gain).connect(audio.destination)
  oscillator.start(at)
  oscillator.stop(at + 0.5)
}

/** Plays the tone once; `volume` from 0 to 1. Silent when the browser forbids it. */
export function playOffer(volume: number): void {
  wakeSound()
  if (!context || context.state !== 'running') return
  tone(context, 659.3, context.currentTime, volume)
  tone(context, 880, context.currentTime + 0.18, volume)
}

/** A single short tone for a new message in a conversation that is not in view. */
export function playMessage(volume: number): void {
  if (!context || context.state !== 'running') return
  tone(context, 784, context.currentTime, volume * 0.5)
}
