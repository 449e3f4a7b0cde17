// The people of the demo, as `madoguchi demo` wrote them down, and how one of them signs in.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { totp } from './totp.mjs'

/** Reads the accounts of a server whose data was made by `demo`. */
export async function people(server) {
  const accounts = await readFile(join(server.dataDir, 'demo-accounts.txt'), 'utf8')
  const passwordOf = (login) => new RegExp(`^${login} +(\\S+)`, 'm').exec(accounts)[1]
  /** `undefined` for those who sign in by password alone. */
  const secretOf = (login) => new RegExp(`Madoguchi:${login}\\?secret=([A-Z2-7]+)`).exec(accounts)?.[1]

  /** Enters the second factor where it is asked for, and waits for the console. */
  async function arrive(page, login) {
    const secret = secretOf(login)
    if (secret) {
      await page.locator('input[name=code]').fill(totp(secret))
      await page.keyboard.press('Enter')
    }
    await page.locator('nav').first().waitFor()
  }

  /** Signs `login` in on a fresh page. */
  async function signIn(page, login) {
    await page.goto('/desk')
    await page.locator('input[name=username]').fill(login)
    await page.locator('input[autocomplete=current-password]').fill(passwordOf(login))
    await page.keyboard.press('Enter')
    await arrive(page, login)
  }

  return { passwordOf, arrive, signIn }
}
