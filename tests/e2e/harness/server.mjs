// The real server, started for one story on a port and a data folder of its own.

import { execFile, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { eventually, freePort } from './wait.mjs'

const READY_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 15_000
/** How much of the server's log is kept for the message of a failing story, in characters. */
const LOG_KEPT = 20_000

/**
 * Starts a server and waits until it is ready.
 *
 * `database`: `'sqlite'` (default) or `'postgres'` (a fresh database on the server that
 * MADOGUCHI_TEST_POSTGRES_URL names). `env`: settings as MADOGUCHI_SECTION__KEY. `prepare`: commands that run
 * after the migrations and before the start, each a list of arguments.
 *
 * The answer: `url`, `dataDir`, `prepared` (what each prepared command printed), `log()`, `command(…args)`
 * (runs another subcommand on the same data and returns what it printed), `kill()` (SIGKILL), `start()` (again,
 * same port, same data), `stop()` (politely, then removes the data).
 */
export async function startServer({ database = 'sqlite', env = {}, prepare = [] } = {}) {
  const binary = process.env.MADOGUCHI_BIN
  if (!binary) throw new Error('MADOGUCHI_BIN must name the server; ./scripts/test e2e sets it')
  const dataDir = await mkdtemp(join(tmpdir(), 'madoguchi-story-'))
  const port = await freePort()
  const settings = {
    ...process.env,
    MADOGUCHI_HTTP__LISTEN: `127.0.0.1:${port}`,
    // One telephone for the machine: a story that calls says where.
    MADOGUCHI_PHONE__LISTEN: '',
    MADOGUCHI_DATA__DIR: dataDir,
    ...(database === 'postgres' ? { MADOGUCHI_DATA__DATABASE_URL: createDatabase() } : {}),
    ...env,
  }
  const url = `http://127.0.0.1:${port}`
  let log = ''
  let child

  const command = async (...args) =>
    (await promisify(execFile)(binary, args, { env: settings, cwd: dataDir, maxBuffer: 64 << 20 })).stdout

  async function start() {
    child = spawn(binary, ['serve'], { env: settings, cwd: dataDir, stdio: ['ignore', 'pipe', 'pipe'] })
    if (process.env.E2E_SERVER_PIDS) appendFileSync(process.env.E2E_SERVER_PIDS, `${child.pid}\n`)
    const keep = (chunk) => {
      log = (log + chunk).slice(-LOG_KEPT)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    running.add(child)
    child.once('exit', () => running.delete(child))
    const started = child
    await eventually(
      async () => {
        if (started.exitCode !== null) return true
        return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })).ok
      },
      `the server at ${url}; its log:\n${log}`,
      READY_LIMIT_MS,
    )
    if (started.exitCode !== null) {
      throw new Error(`the server ended with code ${started.exitCode}; its log:\n${log}`)
    }
  }

  async function end(signal) {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
    await gone
    clearTimeout(late)
    if (signal === 'SIGTERM' && child.signalCode === 'SIGKILL') {
      throw new Error(`the server did not stop within ${STOP_LIMIT_MS} ms; its log:\n${log}`)
    }
  }

  const prepared = []
  try {
    await command('migrate')
    for (const args of prepare) prepared.push(await command(...args))
    await start()
  } catch (error) {
    if (child) await end('SIGKILL')
    await rm(dataDir, { recursive: true, force: true })
    throw error
  }

  return {
    url,
    dataDir,
    prepared,
    command,
    start,
    log: () => log,
    get pid() {
      return child.pid
    },
    kill: () => end('SIGKILL'),
    async stop() {
      await end('SIGTERM')
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

const running = new Set()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

function createDatabase() {
  const server = process.env.MADOGUCHI_TEST_POSTGRES_URL
  if (!server) throw new Error('MADOGUCHI_TEST_POSTGRES_URL must name a PostgreSQL; ./scripts/test e2e starts one')
  const name = `story_${randomBytes(6).toString('hex')}`
  const made = spawnSync('psql', [server, '--quiet', '--command', `CREATE DATABASE ${name}`], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`no database for the story: ${made.error ?? made.stderr}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
