// A button that opens the desk's chat on another site: an own shadow tree, no inline style in the mark-up, so that
// a strict content policy of that site allows it. It asks for one thing there: `frame-src` of the desk's address.
;(function () {
  'use strict'
  const texts = /* texts */ {}
  const script = document.currentScript
  if (!script || document.getElementById('madoguchi-widget')) return
  const home = new URL(script.src).origin
  const wanted = script.dataset.lang || document.documentElement.lang || navigator.language || 'ja'
  const lang = [wanted, wanted.split('-')[0], 'en'].filter((tag) => texts[tag])[0]
  const [title, openText, closeText] = texts[lang]
  const desk = script.dataset.desk

  const CSS =
    ':host{all:initial;position:fixed;z-index:2147483000;inset-block-end:16px;inset-inline-end:16px}' +
    'button{font:600 16px/1.4 system-ui,sans-serif;min-height:48px;padding:10px 20px;border:2px solid #fff;' +
    'border-radius:28px;background:#0017c1;color:#fff;cursor:pointer;box-shadow:0 2px 8px 1px rgba(0,0,0,.25)}' +
    'button:hover{background:#00118f}button:focus-visible{outline:4px solid #000;outline-offset:2px;' +
    'box-shadow:0 0 0 2px #ffd43d}' +
    'iframe{display:block;border:1px solid #7f7f7f;border-radius:12px;background:#fff;' +
    'width:min(400px,calc(100vw - 32px));height:min(640px,calc(100vh - 104px));margin-block-end:8px}' +
    'iframe[hidden]{display:none}.row{display:flex;justify-content:flex-end}'

  const host = document.createElement('div')
  host.id = 'madoguchi-widget'
  const root = host.attachShadow({ mode: 'open' })
  try {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(CSS)
    root.adoptedStyleSheets = [sheet]
  } catch (_) {
    // Older browsers: the plain form, set by properties, which a content policy does not touch.
    Object.assign(host.style, { position: 'fixed', zIndex: '2147483000', bottom: '16px', right: '16px' })
  }
  const frame = document.createElement('iframe')
  frame.title = title
  frame.hidden = true
  frame.allow = 'autoplay'
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = openText
  button.setAttribute('aria-expanded', 'false')
  const row = document.createElement('div')
  row.className = 'row'
  row.appendChild(button)
  root.appendChild(frame)
  root.appendChild(row)

  function toggle(show) {
    // Loaded when first opened: a page with the button costs nothing more.
    if (show && !frame.src) {
      const query = `lang=${encodeURIComponent(lang)}${desk ? `&desk=${encodeURIComponent(desk)}` : ''}`
      frame.src = `${home}/chat/frame?${query}`
    }
    frame.hidden = !show
    button.textContent = show ? closeText : openText
    button.setAttribute('aria-expanded', String(show))
    if (show) frame.focus()
  }
  button.addEventListener('click', () => toggle(frame.hidden))
  root.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !frame.hidden) {
      toggle(false)
      button.focus()
    }
  })
  const place = () => document.body.appendChild(host)
  if (document.body) place()
  else document.addEventListener('DOMContentLoaded', place)
})()
