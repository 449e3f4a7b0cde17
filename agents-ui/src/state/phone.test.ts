import { describe, expect, it } from 'vitest'
import type { BoardContact, Call, CallParty } from '@/api'
import { parseFrame } from '@/api/frames'
import { flatten } from '@/i18n'
import { ja } from '@/i18n/ja'
import type { LineState } from '@/media/line'
import { adopt, callCan, callMood, consulted, others } from './callView'
import { levelShare, lineHealth, lineHelp, loudness, mayRetry, shownState, type LineNow } from './lineView'
import { dialable, numberText, toneKeys, typedNumber } from './numbers'

const ME = 'acc_me'
const mine: CallParty = { id: 'p1', kind: 'agent', account: ME, state: 'talking' }
const outside: CallParty = { id: 'p2', kind: 'number', number: '+81312345678', state: 'talking' }

function call(change: Partial<Call> = {}): Call {
  return { contact: 'con_1', direction: 'in', number: '+819012345678', caller: 'talking', parties: [mine], recording: 'off', earlier: [], ...change }
}
function contact(state: BoardContact['state'], accepted_at = 1000): BoardContact {
  return {
    id: 'con_1',
    desk: 'dsk_1',
    channel: 'phone',
    state,
    language: 'ja',
    inquirer: 'worker',
    priority: 0,
    arrived_at: 500,
    accepted_at,
    unread: 0,
    boosted: false,
    answered: true,
  }
}
const known = (c: Call, state: BoardContact['state']) => adopt(undefined, c, contact(state), 5000)

describe('the state line of a call', () => {
  it('says what the agent needs to know first', () => {
    expect(callMood(call(), 'active')).toBe('talking')
    expect(callMood(call({ caller: 'held' }), 'held')).toBe('held')
    expect(callMood(call({ caller: 'ringing', direction: 'out' }), 'active')).toBe('dialling')
    expect(callMood(call({ caller: 'ringing', callback: { asked_at: 1, tries: 1, state: 'dialling' } }), 'active')).toBe('callback')
    expect(callMood(call({ caller: 'music' }), 'active')).toBe('music')
    expect(callMood(call({ caller: 'gone' }), 'active')).toBe('gone')
    expect(callMood(call({ caller: 'gone' }), 'wrap_up')).toBe('ended')
    expect(callMood(call({ caller: 'unreached' }), 'active')).toBe('unreached')
    expect(callMood(call({ parties: [mine, outside] }), 'active')).toBe('conference')
  })

  it('is not changed by a supervisor who listens or speaks', () => {
    const ear: CallParty = { id: 'p3', kind: 'supervisor', account: 'acc_s', state: 'talking' }
    expect(callMood(call({ parties: [mine, ear] }), 'active')).toBe('talking')
    expect(others(call({ parties: [mine, ear, outside] }), ME)).toEqual([outside])
  })

  it('tells a consultation that rings from one that talks, and forgets one who left', () => {
    const asked = call({ caller: 'music', parties: [mine, { ...outside, state: 'ringing' }], private_with: 'p2' })
    expect(callMood(asked, 'active')).toBe('asking')
    expect(callMood(call({ caller: 'music', parties: [mine, outside], private_with: 'p2' }), 'active')).toBe('consulting')
    expect(consulted(call({ parties: [mine, { ...outside, state: 'gone' }], private_with: 'p2' }))).toBeUndefined()
  })

  it('keeps its time while the state is the same, and begins a talk with its acceptance', () => {
    const first = adopt(undefined, call(), contact('active', 1000), 9000)
    expect(first.since).toBe(1000)
    expect(adopt(first, call({ recording: 'on' }), contact('active'), 12_000).since).toBe(1000)
    const held = adopt(first, call({ caller: 'held' }), contact('held'), 12_000)
    expect(held.since).toBe(12_000)
    expect(adopt(held, call(), contact('active'), 15_000).since).toBe(15_000)
  })
})

describe('the controls of a call', () => {
  it('are those of the state', () => {
    const talk = callCan(known(call({ recording: 'on' }), 'active'), 'active', ME)
    expect(talk).toMatchObject({ mute: true, hold: true, unhold: false, keys: true, transfer: true, merge: false, complete: false, record: true, end: true })
    const held = callCan(known(call({ caller: 'held' }), 'held'), 'held', ME)
    expect(held).toMatchObject({ hold: false, unhold: true, keys: false, record: false, end: true })
    const lost = callCan(known(call({ caller: 'unreached', direction: 'out' }), 'active'), 'active', ME)
    expect(lost).toMatchObject({ redial: true, mute: false, hold: false, transfer: false, end: true })
  })

  it('complete and merge a consultation only when the other has answered', () => {
    const rings = call({ caller: 'music', parties: [mine, { ...outside, state: 'ringing' }], private_with: 'p2' })
    expect(callCan(known(rings, 'active'), 'active', ME)).toMatchObject({ merge: false, complete: false, cancel: true, transfer: false, drop: [] })
    const talks = call({ caller: 'music', parties: [mine, outside], private_with: 'p2' })
    expect(callCan(known(talks, 'active'), 'active', ME)).toMatchObject({ merge: true, complete: true, cancel: true })
    const merged = call({ parties: [mine, outside] })
    expect(callCan(known(merged, 'active'), 'active', ME)).toMatchObject({ merge: false, complete: true, cancel: false, drop: [outside] })
  })

  it('leave hanging up when the call could not be read, and nothing once it is over', () => {
    expect(callCan(undefined, 'active', ME)).toMatchObject({ end: true, mute: true, hold: false })
    expect(callCan(known(call(), 'wrap_up'), 'wrap_up', ME).end).toBe(false)
  })
})

describe('the voice line', () => {
  const states: LineNow[] = ['asking', 'connecting', 'connected', 'interrupted', 'closed', 'insecure', 'denied', 'no_microphone', 'no_network', 'failed', 'off']
  const words = flatten(ja)

  it('has a name for each state, and says for each trouble what to do', () => {
    for (const state of states) {
      expect(words.get(`phone.line_state.${state}`), state).toBeTruthy()
      if (lineHealth(state) === 'bad') expect(words.get(`phone.line_help.${lineHelp(state)}`)?.length, state).toBeGreaterThan(20)
    }
    const troubles: LineState[] = ['insecure', 'denied', 'no_microphone', 'no_network', 'failed', 'interrupted']
    expect(troubles.map(lineHealth)).toEqual(troubles.map(() => 'bad'))
    expect(lineHelp('connected')).toBeUndefined()
  })

  it('offers another try where one can help', () => {
    expect(['denied', 'failed', 'no_network'].map((s) => mayRetry(s as LineNow))).toEqual([true, true, true])
    expect(mayRetry('insecure')).toBe(false)
    expect(mayRetry('connected')).toBe(false)
  })

  it('keeps a trouble in sight while it is tried again', () => {
    expect(shownState('failed', 'connecting')).toBe('failed')
    expect(shownState('no_network', 'failed')).toBe('failed')
    expect(shownState('failed', 'connected')).toBe('connected')
    expect(shownState('denied', 'asking')).toBe('asking')
    expect(shownState('connecting', 'connecting')).toBe('connecting')
  })

  it('shows loudness as it is felt', () => {
    expect([levelShare(0), levelShare(1), levelShare(2)]).toEqual([0, 1, 1])
    expect(levelShare(0.0316)).toBeCloseTo(0.5, 2)
    expect([0, 0.004, 0.05, 0.9].map(loudness)).toEqual(['silent', 'silent', 'good', 'loud'])
  })
})

describe('telephone numbers', () => {
  it('are read as people write them', () => {
    expect(dialable('０３－１２３４－５６７８')).toBe('0312345678')
    expect(dialable(' +84 (24) 1234-5678 ')).toBe('+842412345678')
    expect(dialable('090ー1234ー5678')).toBe('09012345678')
    for (const bad of ['', '110', 'a@example.jp', '12345', '+0312345678', '03-1234-5678 内線2']) expect(dialable(bad), bad).toBeUndefined()
  })

  it('may be short where a number is asked for', () => {
    expect([typedNumber('１８８'), typedNumber('03-1234-5678'), typedNumber('12'), typedNumber('x123')]).toEqual(['188', '0312345678', undefined, undefined])
  })

  it('are shown as people read them', () => {
    expect(numberText('+819012345678')).toBe('090-1234-5678')
    expect(numberText('+81312345678')).toBe('03-1234-5678')
    expect(numberText('0120123456')).toBe('0120-123-456')
    expect(numberText('+842412345678')).toBe('+842412345678')
  })

  it('give their tones', () => {
    expect(toneKeys('１２#a*')).toBe('12#*')
  })
})

describe('the frame of a changed call', () => {
  it('is known', () => {
    expect(parseFrame('{"type":"call_changed","contact":"con_1"}')).toEqual({ type: 'call_changed', contact: 'con_1' })
    expect(() => parseFrame('{"type":"call_changed"}')).toThrow()
  })
})
