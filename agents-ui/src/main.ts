import '@digital-go-jp/design-tokens/dist/tokens.css'
import './ui/tokens.css'
import './ui/base.css'
import { createApp } from 'vue'
import { whenSignedOut } from './api/client'
import App from './app/App.vue'
import { router } from './app/router'
import { currentLocale, setLocale } from './i18n'
import { startPrefs } from './state/prefs'
import { forgetSession, loadSession } from './state/session'

startPrefs()
setLocale(currentLocale.value)
whenSignedOut(forgetSession)

async function start(): Promise<void> {
  // When the server cannot be asked, the sign-in page says so and lets the person try again.
  await loadSession().catch(forgetSession)
  createApp(App).use(router).mount('#app')
}

void start()
